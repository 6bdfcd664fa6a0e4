package faultdriver

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/drivertest"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
)

// Without a plan the driver is like the one inside.
func TestConformance(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) gpu.Driver { return wrap(t, Plan{}) })
}

func wrap(t *testing.T, plan Plan) *Driver {
	t.Helper()
	d, err := New(taking{simdriver.New(simdriver.Options{})}, plan)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// taking is a simulated GPU that takes machine code, as which PTX passes.
type taking struct{ gpu.Driver }

func (d taking) LoadMachineCode(name string, code, ptx []byte) (gpu.Module, error) {
	if string(code) != "code" {
		return d.Driver.LoadMachineCode(name, code, ptx)
	}
	return d.Load(name, ptx)
}

// TestOps: Ops names exactly the methods of gpu.Driver that return an error.
func TestOps(t *testing.T) {
	var want []string
	driver, failure := reflect.TypeFor[gpu.Driver](), reflect.TypeFor[error]()
	for i := range driver.NumMethod() {
		m := driver.Method(i)
		if n := m.Type.NumOut(); n > 0 && m.Type.Out(n-1) == failure {
			want = append(want, m.Name)
		}
	}
	if got := slices.Sorted(slices.Values(Ops())); !slices.Equal(got, want) {
		t.Errorf("methods %v, expected %v", got, want)
	}
}

// step is one call; those of steps, in order, call each method once.
type step struct {
	op   string
	call func() error
}

func steps(d gpu.Driver) []step {
	var (
		p   gpu.Ptr
		pin []byte
		m   gpu.Module
		f   gpu.Function
		s   gpu.Stream
		e   gpu.Event
		g   gpu.Graph
		err error
	)
	word := []byte{1, 0, 0, 0}
	return []step{
		{"Memory", func() error { _, _, err = d.Memory(); return err }},
		{"Alloc", func() error { p, err = d.Alloc(4, "p"); return err }},
		{"AllocPinned", func() error { pin, err = d.AllocPinned(4); return err }},
		{"NewStream", func() error { s, err = d.NewStream(); return err }},
		{"NewEvent", func() error { e, err = d.NewEvent(); return err }},
		{"Load", func() error { m, err = d.Load("m.ptx", drivertest.PTX()); return err }},
		{"LoadMachineCode", func() error { _, err = d.LoadMachineCode("m.cubin", []byte("code"), drivertest.PTX()); return err }},
		{"Function", func() error { f, err = d.Function(m, "fault"); return err }},
		{"EncodeTensorMap", func() error {
			_, err = d.EncodeTensorMap(gpu.Matrix{Address: 256, Rows: 1, Columns: 8, Pitch: 8, BoxRows: 64})
			return err
		}},
		{"CopyIn", func() error { return d.CopyIn(s, p, word) }},
		{"Memset", func() error { return d.Memset(s, p, 0, 4) }},
		{"Copy", func() error { return d.Copy(s, p, p, 4) }},
		{"Launch", func() error {
			return d.Launch(s, f, gpu.Dim3{X: 1}, gpu.Dim3{X: 1}, 0, []uint64{uint64(p), 0})
		}},
		{"CopyOut", func() error { return d.CopyOut(s, word, p) }},
		{"Record", func() error { return d.Record(e, s) }},
		{"Wait", func() error { return d.Wait(e) }},
		{"Elapsed", func() error { _, err = d.Elapsed(e, e); return err }},
		{"Follow", func() error { return d.Follow(s, 0) }},
		{"Sync", func() error { return d.Sync(s) }},
		{"BeginCapture", func() error { return d.BeginCapture(s) }},
		{"EndCapture", func() error { g, err = d.EndCapture(s); return err }},
		{"LaunchGraph", func() error { return d.LaunchGraph(g, s) }},
		{"FreeGraph", func() error { return d.FreeGraph(g) }},
		{"FreePinned", func() error { return d.FreePinned(pin) }},
		{"Free", func() error { return d.Free(p) }},
		{"Close", func() error { return d.Close() }},
	}
}

// until calls the steps up to the first error, and names its method.
func until(d gpu.Driver) (string, error) {
	for _, s := range steps(d) {
		if err := s.call(); err != nil {
			return s.op, err
		}
	}
	return "", nil
}

func injected(t *testing.T, what string, err, wrapped error) {
	t.Helper()
	if _, ok := errors.AsType[*gpu.Error](err); !ok || !errors.Is(err, wrapped) {
		t.Errorf("%s: error %v, expected a *gpu.Error around %q", what, err, wrapped)
	}
}

func TestEveryCall(t *testing.T) {
	for _, all := range []bool{false, true} {
		var order []string
		for _, s := range steps(nil) {
			if all || !slices.Contains(releases, s.op) {
				order = append(order, s.op)
			}
		}
		for n := 1; ; n++ {
			d := wrap(t, Plan{At: n, Releases: all})
			op, err := until(d)
			if !d.Failed() {
				if err != nil || n != len(order)+1 || d.Calls() != len(order) {
					t.Errorf("releases %v: %d calls of %d, error %v", all, d.Calls(), len(order), err)
				}
				break
			}
			injected(t, op, err, ErrInjected)
			if op != order[n-1] || d.Calls() != n {
				t.Errorf("releases %v: call %d was %s after %d calls, expected %s", all, n, op, d.Calls(), order[n-1])
			}
		}
	}
}

func TestOp(t *testing.T) {
	for _, op := range Ops() {
		d := wrap(t, Plan{At: 1, Op: op, Err: io.ErrUnexpectedEOF})
		got, err := until(d)
		injected(t, op, err, io.ErrUnexpectedEOF)
		if got != op || d.Calls() != 1 {
			t.Errorf("%s failed after %d calls, expected %s after 1", got, d.Calls(), op)
		}
	}
	d := wrap(t, Plan{At: 3, Op: "Alloc"})
	for n := 1; n <= 5; n++ {
		if _, _, err := d.Memory(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Alloc(1, "p"); (err != nil) != (n == 3) {
			t.Errorf("allocation %d: error %v, expected one of the third alone", n, err)
		}
	}
}

func TestSticky(t *testing.T) {
	d := wrap(t, Plan{At: 2, Sticky: true})
	for n := 1; n <= 4; n++ {
		if _, _, err := d.Memory(); (err != nil) != (n >= 2) {
			t.Errorf("call %d: error %v, expected one from the second on", n, err)
		}
	}
	if err := d.Set(Plan{}); err != nil || d.Calls() != 0 || d.Failed() {
		t.Errorf("after Set: error %v, %d calls, failed %v; expected a new count", err, d.Calls(), d.Failed())
	}
	if _, _, err := d.Memory(); err != nil || d.Calls() != 1 {
		t.Errorf("after Set: error %v, %d calls, expected none and 1", err, d.Calls())
	}
}

// A call that fails leaves the driver inside alone, but Close and EndCapture end
// what they are to end.
func TestInner(t *testing.T) {
	sim := simdriver.New(simdriver.Options{})
	d, err := New(sim, Plan{At: 1, Op: "Alloc"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Alloc(8, "p"); err == nil || sim.Allocations() != 0 {
		t.Errorf("error %v, %d allocations inside, expected an error and none", err, sim.Allocations())
	}
	for _, op := range []string{"EndCapture", "Memset"} {
		if err := d.Set(Plan{At: 1, Op: op}); err != nil {
			t.Fatal(err)
		}
		for try := range 2 {
			if err := d.BeginCapture(0); err != nil {
				t.Fatal(err)
			}
			if op == "Memset" {
				if err := d.Memset(0, 0, 0, 0); (err == nil) != (try == 1) {
					t.Errorf("memset %d: error %v", try, err)
				}
			}
			g, err := d.EndCapture(0)
			if (err == nil) != (try == 1) || (g == 0) != (try == 0) {
				t.Errorf("%s: end of capture %d: graph %d, error %v", op, try, g, err)
			}
			if try == 0 {
				injected(t, op, err, ErrInjected)
			}
		}
	}
	if err := d.Set(Plan{At: 1, Op: "Close"}); err != nil {
		t.Fatal(err)
	}
	injected(t, "Close", d.Close(), ErrInjected)
	if err := sim.Sync(0); err == nil {
		t.Error("the driver inside is still open after a failed Close")
	}
}

func TestBadPlans(t *testing.T) {
	sim := simdriver.New(simdriver.Options{})
	for _, p := range []Plan{{Op: "Lunch"}, {At: -1}, {Op: "Name"}} {
		if d, err := New(sim, p); err == nil || d != nil {
			t.Errorf("plan %+v: driver %v, error %v, expected an error", p, d, err)
		}
	}
}
