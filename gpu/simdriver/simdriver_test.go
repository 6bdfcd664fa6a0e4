package simdriver

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/drivertest"
	"github.com/sparsebert/sparsebert-gpu/internal/ptxsim"
)

func TestConformance(t *testing.T) {
	for name, opt := range map[string]Options{
		"default":    {},
		"one thread": {Threads: 1},
		"races":      {BlockRaces: true},
	} {
		t.Run(name, func(t *testing.T) {
			drivertest.Run(t, func(*testing.T) gpu.Driver { return New(opt) })
		})
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func function(t *testing.T, d *Driver, name string) gpu.Function {
	t.Helper()
	m := must[gpu.Module](t)(d.Load("conformance.ptx", drivertest.PTX()))
	return must[gpu.Function](t)(d.Function(m, name))
}

// fault checks that err is a *gpu.Error of one line around the simulator's fault.
func fault(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	e, ok := errors.AsType[*gpu.Error](err)
	if !ok || !errors.Is(err, kind) {
		t.Fatalf("error %v, expected a *gpu.Error around %q", err, kind)
	}
	if _, ok := errors.AsType[*ptxsim.Fault](err); !ok || e.What == "" || e.Grid.X == 0 || e.Block.X == 0 {
		t.Errorf("error %#v, expected kernel, grid, block and a *ptxsim.Fault", e)
	}
	for _, w := range append(words, "conformance.ptx:") {
		if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q, expected one line with %q", err, w)
		}
	}
}

func TestFaults(t *testing.T) {
	d := New(Options{})
	f := function(t, d, "axpy")
	y, x := must[gpu.Ptr](t)(d.Alloc(8, "the y")), must[gpu.Ptr](t)(d.Alloc(8, "the x"))
	two := math.Float32bits(2)
	launch := func(n uint64) error {
		return d.Launch(0, f, gpu.Dim3{X: 1}, gpu.Dim3{X: 64}, 0, []uint64{uint64(y), uint64(x), uint64(two), n})
	}
	check(t, d.Memset(0, y, 0, 8))
	fault(t, launch(2), ptxsim.ErrUninitialized, "launch axpy, grid (1,1,1), block (64,1,1)", "the x")
	check(t, d.Memset(0, y, 0, 8))
	check(t, d.CopyIn(0, x, make([]byte, 8)))
	check(t, launch(2))
	fault(t, launch(3), ptxsim.ErrOutOfBounds, "launch axpy", "the x")
	check(t, d.Free(y))
	fault(t, launch(2), ptxsim.ErrFreed, "the y")

	// A graph names the kernel that failed, too.
	s := must[gpu.Stream](t)(d.NewStream())
	check(t, d.BeginCapture(s))
	check(t, launchOn(d, s, f, x, x, 3))
	g := must[gpu.Graph](t)(d.EndCapture(s))
	fault(t, d.LaunchGraph(g, s), ptxsim.ErrOutOfBounds, "launch axpy, grid (1,1,1), block (64,1,1)")

	_, err := d.Alloc(5<<30, "too much")
	if err == nil || !strings.Contains(err.Error(), "too much") {
		t.Errorf("error %v, expected one for 5 of 4 GiB", err)
	}
}

func launchOn(d *Driver, s gpu.Stream, f gpu.Function, y, x gpu.Ptr, n uint64) error {
	return d.Launch(s, f, gpu.Dim3{X: 1}, gpu.Dim3{X: 64}, 0, []uint64{uint64(y), uint64(x), 0, n})
}

func TestBlockRaces(t *testing.T) {
	for _, races := range []bool{false, true} {
		d := New(Options{BlockRaces: races})
		f := function(t, d, "fault")
		out := must[gpu.Ptr](t)(d.Alloc(4, "out"))
		m := must[gpu.Module](t)(d.Load("number.ptx", []byte(`.version 8.4
.target sm_80
.address_size 64
.entry number(.param .u64 out) {
.reg .b32 %r; .reg .b64 %d;
ld.param.u64 %d, [out]; mov.u32 %r, %ctaid.x; st.global.u32 [%d], %r;
ret; }`)))
		number := must[gpu.Function](t)(d.Function(m, "number"))
		err := d.Launch(0, number, gpu.Dim3{X: 2}, gpu.Dim3{X: 1}, 0, []uint64{uint64(out)})
		if errors.Is(err, ptxsim.ErrRace) != races {
			t.Errorf("BlockRaces %v: error %v of two blocks that write their numbers to one word", races, err)
		}
		if err := d.Launch(0, f, gpu.Dim3{X: 2}, gpu.Dim3{X: 1}, 0, []uint64{uint64(out), 0}); err != nil {
			t.Errorf("BlockRaces %v: error %v of two blocks that write the same to one word", races, err)
		}
		err = d.Launch(0, f, gpu.Dim3{X: 1}, gpu.Dim3{X: 1}, 0, []uint64{uint64(out), 1})
		fault(t, err, ptxsim.ErrTrap)
	}
}

func TestCounters(t *testing.T) {
	d := New(Options{})
	f, r := function(t, d, "axpy"), function(t, d, "reverse")
	y := must[gpu.Ptr](t)(d.Alloc(256, "y"))
	check(t, d.Memset(0, y, 0, 256))
	for range 3 {
		check(t, launchOn(d, 0, f, y, y, 64))
	}
	s := must[gpu.Stream](t)(d.NewStream())
	check(t, d.BeginCapture(s))
	check(t, launchOn(d, s, f, y, y, 64))
	g := must[gpu.Graph](t)(d.EndCapture(s))
	if n := d.Counters()["axpy"].Launches; n != 3 {
		t.Errorf("%d launches, one of them only captured, expected 3", n)
	}
	check(t, d.LaunchGraph(g, s))
	z := must[gpu.Ptr](t)(d.Alloc(256, "z"))
	check(t, d.Launch(0, r, gpu.Dim3{X: 1}, gpu.Dim3{X: 64}, 256, []uint64{uint64(z), uint64(y), 64}))
	if err := launchOn(d, 0, f, 0, 0, 1); err == nil {
		t.Error("no error of a launch on address 0")
	}
	c := d.Counters()
	if len(c) != 2 || c["axpy"].Launches != 4 || c["reverse"].Launches != 1 {
		t.Fatalf("counters %+v, expected 4 launches of axpy and 1 of reverse", c)
	}
	// y is read as x and as y, and written once, by each launch.
	if a := c["axpy"]; a.GlobalLoadBytes != 4*2*256 || a.GlobalStoreBytes != 4*256 || a.GlobalStoreSectors != 4*8 || a.Warp[ptxsim.Global] != 4*2*3 {
		t.Errorf("axpy: %+v, expected 2048 bytes loaded, 1024 stored in 32 sectors by 24 instructions", a)
	}
	if n := c["reverse"].Warp[ptxsim.Shared]; n != 4 {
		t.Errorf("reverse: %d accesses to shared memory, expected 4", n)
	}
	d.ResetCounters()
	if n := len(d.Counters()); n != 0 || len(c) != 2 {
		t.Errorf("%d kernels after a reset, %d in the copy, expected 0 and 2", n, len(c))
	}
}

// Classes come in the order of the counters.
func TestClasses(t *testing.T) {
	names := Classes()
	for class, want := range map[ptxsim.Class]string{ptxsim.Integer: "integer", ptxsim.Shared: "shared", ptxsim.Matrix: "matrix"} {
		if names[class] != want {
			t.Errorf("class %d: found %q, expected %q", class, names[class], want)
		}
	}
	if len(names) != len(Work{}.Warp) {
		t.Errorf("found %d names, expected %d", len(names), len(Work{}.Warp))
	}
}

// Every number that the simulator counts is added up.
func TestAccumulate(t *testing.T) {
	var one, total ptxsim.Counters
	set(reflect.ValueOf(&one).Elem())
	for range 2 {
		accumulate(reflect.ValueOf(&total).Elem(), reflect.ValueOf(one))
	}
	each(reflect.ValueOf(total), func(v int64) {
		if v != 6 {
			t.Errorf("%d, expected 6 in every field of %+v", v, total)
		}
	})
}

func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			set(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			set(v.Index(i))
		}
	default:
		v.SetInt(3) // panics on a kind that accumulate does not add either
	}
}

func each(v reflect.Value, f func(int64)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), f)
		}
	case reflect.Array:
		for i := range v.Len() {
			each(v.Index(i), f)
		}
	default:
		f(v.Int())
	}
}

func TestAllocations(t *testing.T) {
	d := New(Options{MemoryBytes: 1 << 20})
	p := must[gpu.Ptr](t)(d.Alloc(1000, "p"))
	q := must[gpu.Ptr](t)(d.Alloc(24, "q"))
	free, total, err := d.Memory()
	if err != nil || d.Allocations() != 2 || free != 1<<20-1024 || total != 1<<20 || d.Properties().MemoryBytes != total {
		t.Errorf("%d allocations, %d of %d bytes free, error %v; expected 2, and 1024 used", d.Allocations(), free, total, err)
	}
	check(t, d.Free(p))
	check(t, d.Free(q))
	if free, _, err := d.Memory(); err != nil || d.Allocations() != 0 || free != total {
		t.Errorf("%d allocations, %d bytes free, error %v; expected 0 and all", d.Allocations(), free, err)
	}
}

// Copies with pinned memory are finished by Sync and by nothing else.
func TestPinned(t *testing.T) {
	d := New(Options{})
	p := must[gpu.Ptr](t)(d.Alloc(8, "p"))
	pin := must[[]byte](t)(d.AllocPinned(8))
	s := must[gpu.Stream](t)(d.NewStream())
	other := must[gpu.Stream](t)(d.NewStream())
	data := []byte("contents")
	copy(pin, data)

	check(t, d.CopyIn(s, p, pin))
	check(t, d.CopyIn(other, p, pin[2:]))
	pin[5]++
	check(t, d.Sync(0))
	for _, st := range []gpu.Stream{s, other} {
		if err := d.Sync(st); !errors.Is(err, errChanged) {
			t.Errorf("stream %d: error %v, expected %q", st, err, errChanged)
		}
	}
	pin[5]--
	check(t, d.Sync(s)) // reported once

	check(t, d.CopyIn(s, p, pin))
	if err := d.FreePinned(pin); err == nil {
		t.Error("pinned memory freed before Sync: no error, expected one")
	}
	if err := d.CopyOut(s, pin[1:], p); err == nil {
		t.Error("a copy into what another reads: no error, expected one")
	}
	check(t, d.Sync(s))
	clear(pin)
	check(t, d.CopyOut(s, pin, p))
	check(t, d.Sync(other))
	if bytes.Contains(pin, data[:1]) {
		t.Errorf("%q before Sync, expected other bytes than %q", pin, data)
	}
	if err := d.CopyIn(other, p, pin[7:]); err == nil {
		t.Error("a copy from what another writes: no error, expected one")
	}
	check(t, d.Sync(s))
	if !bytes.Equal(pin, data) {
		t.Errorf("%q after Sync, expected %q", pin, data)
	}
	check(t, d.FreePinned(pin))
	plain := make([]byte, 8)
	check(t, d.CopyOut(s, plain, p))
	if !bytes.Equal(plain, data) {
		t.Errorf("%q, expected %q without a Sync", plain, data)
	}
}

func TestModulesAreCached(t *testing.T) {
	text := drivertest.PTX()
	first := must[*ptxsim.Module](t)(parse("a.ptx", text))
	if again := must[*ptxsim.Module](t)(parse("a.ptx", bytes.Clone(text))); again != first {
		t.Error("the same text was parsed twice")
	}
	if other := must[*ptxsim.Module](t)(parse("b.ptx", text)); other == first {
		t.Error("another name got the same module, expected its own for errors")
	}
	if other := must[*ptxsim.Module](t)(parse("a.ptx", append(bytes.Clone(text), '\n'))); other == first {
		t.Error("another text got the same module")
	}

	// One driver that loads a text twice has two modules, with variables of their own.
	d := New(Options{})
	for range 3 {
		must[gpu.Module](t)(d.Load("a.ptx", text))
	}
	if m := d.modules; m[0] != first || m[1] == m[0] || m[2] == m[0] || m[2] == m[1] {
		t.Errorf("modules %p, expected the first to be %p and three that differ", m, first)
	}
}
