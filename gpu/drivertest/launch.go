package drivertest

import (
	"math"
	"strings"
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

func load(b *bench) {
	f := b.function("axpy")
	if again := b.function("axpy"); f == 0 || again == 0 {
		b.Errorf("functions %d and %d, expected none to be 0", f, again)
	}
	_, err := b.d.Function(b.mod, "no_such_kernel")
	b.fails("unknown kernel", err, "no_such_kernel")

	wrong := strings.Replace(string(ptx), "\tret;", "\tfrobnicate.u32;\n\tret;", 1)
	_, err = b.d.Load("broken.ptx", []byte(wrong))
	b.fails("an instruction that does not exist", err, "load module broken.ptx", "frobnicate")
	_, err = b.d.Load("prose.ptx", []byte("this is no PTX"))
	b.fails("no PTX", err, "load module prose.ptx")
	_, err = b.d.Load("empty.ptx", nil)
	b.fails("nothing", err, "load module empty.ptx")
	_, err = b.d.Load("zero.ptx", append([]byte(string(ptx)), 0))
	b.fails("a zero byte", err, "load module zero.ptx")
	_, err = b.d.Load("huge.ptx", []byte(strings.Replace(string(ptx), "fixed[16384]", "fixed[262144]", 1)))
	b.fails("256 KiB of static shared memory", err, "load module huge.ptx")

	_, err = b.d.LoadMachineCode("prose.cubin", []byte("this is no machine code"), ptx)
	b.fails("no machine code", err, "load machine code prose.cubin")
	_, err = b.d.LoadMachineCode("empty.cubin", nil, ptx)
	b.fails("no machine code", err, "load machine code empty.cubin")
	if a := b.d.Attributes(f); a.Registers < 0 || a.Registers > 255 || a.LocalBytes != 0 {
		b.Errorf("found %+v of a kernel without local memory", a)
	}
	if a := b.d.Attributes(f + 1<<20); a != (gpu.Attributes{}) {
		b.Errorf("found %+v of no kernel, expected zeros", a)
	}

	if m, err := b.d.Load("conformance.ptx", ptx); err != nil || m == b.mod {
		b.Errorf("a second load: module %d (error %v), expected another than %d", m, err, b.mod)
	}
}

func argumentWidths(b *bench) {
	f := b.function("widths")
	out := b.upload(0, "out", make([]uint64, 8))
	c, e, g := int32(-5), int64(-1)<<40, -1.25
	// The bits above a value's width are dirt that must not matter.
	const dirt = uint64(0xDDDDDDDD) << 32
	b.must(b.d.Launch(0, f, x(1), x(1), 0, []uint64{
		uint64(out), dirt | 0xEEEEEEAB, dirt | 0xEEEEBEEF, dirt | uint64(uint32(c)), dirt | f32(0.75),
		uint64(e), dirt | 0xEEEEEE5C, math.Float64bits(g), dirt | 0xFEDCBA98,
	}))
	want(b, 0, "arguments", out, []uint64{
		0xAB, 0xBEEF, uint64(int64(c)), f32(0.75), uint64(e), 0x5C, math.Float64bits(g), 0xFEDCBA98,
	})
	b.must(b.d.Launch(0, b.function("pair"), x(1), x(1), 0, []uint64{uint64(out), 1 << 40, 5}))
	want(b, 0, "an argument of 16 bytes", out, []uint64{1<<40 + 5})
}

func dimensions(b *bench) {
	f := b.function("place")
	for _, c := range []struct{ grid, block gpu.Dim3 }{
		{gpu.Dim3{X: 2, Y: 3, Z: 4}, gpu.Dim3{X: 5, Y: 2, Z: 3}},
		{gpu.Dim3{X: 3}, gpu.Dim3{X: 33}},
		{gpu.Dim3{X: 1, Y: 2}, gpu.Dim3{X: 2, Y: 1, Z: 7}},
	} {
		var expected []uint64
		walk := func(d gpu.Dim3, f func(x, y, z uint64)) {
			for z := range max(d.Z, 1) {
				for y := range max(d.Y, 1) {
					for x := range d.X {
						f(uint64(x), uint64(y), uint64(z))
					}
				}
			}
		}
		walk(c.grid, func(bx, by, bz uint64) {
			walk(c.block, func(tx, ty, tz uint64) {
				expected = append(expected, ((((bx<<6|by)<<6|bz)<<6|tx)<<6|ty)<<6|tz)
			})
		})
		out := b.alloc(8*len(expected), "out")
		b.must(b.d.Launch(0, f, c.grid, c.block, 0, []uint64{uint64(out)}))
		want(b, 0, "place", out, expected)
	}
}

func launchErrors(b *bench) {
	f := b.function("axpy")
	y, v := b.upload(0, "y", []float32{1, 2}), b.upload(0, "x", []float32{10, 20})
	good := []uint64{uint64(y), uint64(v), f32(1), 2}
	grid, block := gpu.Dim3{X: 3, Y: 2}, gpu.Dim3{X: 8, Z: 2}
	where := []string{"launch axpy", "grid (3,2,1)", "block (8,1,2)"}
	b.fails("an argument too few", b.d.Launch(0, f, grid, block, 0, good[:3]), where...)
	b.fails("an argument too many", b.d.Launch(0, f, grid, block, 0, append(good[:4:4], 1)), where...)
	b.fails("no arguments", b.d.Launch(0, f, grid, block, 0, nil), where...)
	b.fails("too much shared memory", b.d.Launch(0, f, grid, block, b.d.Properties().SharedBytes+1, good), where...)
	b.fails("negative shared memory", b.d.Launch(0, f, grid, block, -1, good), where...)
	b.fails("a block too large", b.d.Launch(0, f, x(1), x(1025), 0, good), "launch axpy", "block (1025,1,1)")
	b.fails("a block too deep", b.d.Launch(0, f, x(1), gpu.Dim3{X: 1, Y: 1, Z: 65}, 0, good), "launch axpy", "block (1,1,65)")
	b.fails("an empty block", b.d.Launch(0, f, x(1), x(0), 0, good), "launch axpy")
	b.fails("an empty grid", b.d.Launch(0, f, x(0), x(1), 0, good), "launch axpy")
	b.fails("a negative grid", b.d.Launch(0, f, gpu.Dim3{X: 1, Y: -1}, x(1), 0, good), "launch axpy")
	b.fails("a block of too many threads", b.d.Launch(0, f, x(1), gpu.Dim3{X: 32, Y: 33}, 0, good), "launch axpy", "block (32,33,1)")
	b.fails("a grid too high", b.d.Launch(0, f, gpu.Dim3{X: 1, Y: 65536}, x(1), 0, good), "launch axpy", "grid (1,65536,1)")
	b.fails("one word for an argument of two", b.d.Launch(0, b.function("pair"), x(1), x(1), 0, []uint64{uint64(y), 1}), "launch pair")
	b.must(b.d.Sync(0))
	want(b, 0, "after refused launches", y, []float32{1, 2})
	b.must(b.d.Launch(0, f, x(1), x(2), 0, good))
	want(b, 0, "after a good launch", y, []float32{11, 22})
}

// sharedMemory launches up to the last byte of shared memory, also after a launch
// with more, and a smaller one after a larger one.
func sharedMemory(b *bench) {
	f := b.function("reverse")
	most := b.d.Properties().SharedBytes
	data := words(most / 4)
	in, out := b.upload(0, "in", data), b.alloc(most, "out")
	for _, bytes := range []int{4, 48 << 10, 48<<10 + 4, 80000, most, 64 << 10, most} {
		n := bytes / 4
		b.must(b.d.Launch(0, f, x(1), x(256), bytes, []uint64{uint64(out), uint64(in), uint64(n)}))
		expected := make([]uint32, n)
		for i := range expected {
			expected[i] = data[n-1-i]
		}
		want(b, 0, "reverse", out, expected)
	}
	b.fails("a byte too much", b.d.Launch(0, f, x(1), x(256), most+1, []uint64{uint64(out), uint64(in), 1}), "launch reverse")
}

// staticShared has static shared memory as well, which counts to the limit.
func staticShared(b *bench) {
	f := b.function("rotate")
	const static = 16 << 10
	most := b.d.Properties().SharedBytes - static
	data := words(most / 4)
	in, out := b.upload(0, "in", data), b.alloc(most, "out")
	for _, bytes := range []int{static, 40 << 10, most} {
		n := bytes / 4
		b.must(b.d.Launch(0, f, x(1), x(256), bytes, []uint64{uint64(out), uint64(in), uint64(n)}))
		expected := make([]uint32, n)
		for i := range expected {
			expected[i] = data[(i+1)%4096] + data[(i+1)%n]
		}
		want(b, 0, "rotate", out, expected)
	}
	b.fails("a word too much", b.d.Launch(0, f, x(1), x(256), most+4, []uint64{uint64(out), uint64(in), 1}), "launch rotate")
}

func streams(b *bench) {
	f := b.function("axpy")
	s1, err := b.d.NewStream()
	b.must(err)
	s2, err := b.d.NewStream()
	b.must(err)
	if s1 == 0 || s2 == 0 || s1 == s2 {
		b.Fatalf("streams %d and %d, expected two others than 0", s1, s2)
	}
	const n, rounds = 1 << 16, 20
	for i, s := range []gpu.Stream{0, s1, s2} {
		v := b.upload(s, "x", fill(n, 1))
		y := b.alloc(4*n, "y")
		b.must(b.d.Memset(s, y, 0, 4*n))
		for range rounds { // each launch needs the one before
			b.must(b.d.Launch(s, f, x(n/256), x(256), 0, []uint64{uint64(y), uint64(v), f32(float32(i + 1)), n}))
		}
		copied := b.alloc(4*n, "copied")
		b.must(b.d.Copy(s, copied, y, 4*n))
		want(b, s, "work in order", copied, fill(n, float32(rounds*(i+1))))
		b.must(b.d.Sync(s))
	}
}

func events(b *bench) {
	f := b.function("axpy")
	from, err := b.d.NewEvent()
	b.must(err)
	to, err := b.d.NewEvent()
	b.must(err)
	if from == 0 || to == 0 || from == to {
		b.Fatalf("events %d and %d, expected two others than 0", from, to)
	}
	_, err = b.d.Elapsed(from, to)
	b.fails("time between events never recorded", err)
	b.fails("wait for an event never recorded", b.d.Wait(to), "wait for event")
	const n = 1 << 16
	s, err := b.d.NewStream()
	b.must(err)
	y, v := b.upload(s, "y", fill(n, 0)), b.upload(s, "x", fill(n, 1))
	for range 2 { // an event can be recorded again
		start := time.Now()
		b.must(b.d.Record(from, s))
		b.must(b.d.Launch(s, f, x(n/256), x(256), 0, []uint64{uint64(y), uint64(v), f32(1), n}))
		b.must(b.d.Record(to, s))
		b.must(b.d.Wait(to))
		took, err := b.d.Elapsed(from, to)
		b.must(err)
		if wall := time.Since(start); took <= 0 || took > wall {
			b.Errorf("%v between two events, expected more than 0 and at most the %v that the calls took", took, wall)
		}
	}
}

func badHandles(b *bench) {
	f := b.function("axpy")
	y := b.upload(0, "y", []float32{1})
	const bad = 1 << 40
	b.fails("launch of no function", b.d.Launch(0, 0, x(1), x(1), 0, nil), "launch")
	b.fails("launch of an unknown function", b.d.Launch(0, bad, x(1), x(1), 0, nil), "launch")
	b.fails("launch on an unknown stream", b.d.Launch(bad, f, x(1), x(1), 0, []uint64{uint64(y), uint64(y), 0, 1}), "launch axpy")
	b.fails("copy on an unknown stream", b.d.CopyIn(bad, y, []byte{1}))
	b.fails("copy out on an unknown stream", b.d.CopyOut(bad, make([]byte, 1), y))
	b.fails("device copy on an unknown stream", b.d.Copy(bad, y, y, 1))
	b.fails("memset on an unknown stream", b.d.Memset(bad, y, 0, 1))
	b.fails("sync of an unknown stream", b.d.Sync(bad))
	b.fails("an unknown stream that follows", b.d.Follow(bad, 0))
	b.fails("a stream that follows an unknown one", b.d.Follow(0, bad))
	b.fails("record of no event", b.d.Record(0, 0))
	e, err := b.d.NewEvent()
	b.must(err)
	b.fails("record on an unknown stream", b.d.Record(e, bad))
	_, err = b.d.Elapsed(e, bad)
	b.fails("time to an unknown event", err)
	b.fails("wait for an unknown event", b.d.Wait(bad))
	_, err = b.d.Function(bad, "axpy")
	b.fails("function of an unknown module", err)
	b.fails("launch of no graph", b.d.LaunchGraph(0, 0))
	b.fails("free of no graph", b.d.FreeGraph(0))
	b.fails("capture of an unknown stream", b.d.BeginCapture(bad))

	// The first handles that are not given out yet.
	s, err := b.d.NewStream()
	b.must(err)
	b.fails("sync of the next stream", b.d.Sync(s+1))
	b.fails("record of the next event", b.d.Record(e+1, 0))
	b.fails("launch of the next function", b.d.Launch(0, f+1, x(1), x(1), 0, nil))
	_, err = b.d.Function(b.mod+1, "axpy")
	b.fails("function of the next module", err)
	want(b, 0, "after bad handles", y, []float32{1})
}

// concurrent uses one driver from several goroutines, each with a stream.
func concurrent(b *bench) {
	f := b.function("axpy")
	var wg sync.WaitGroup
	errs := make([]error, 4)
	ptrs := make([]gpu.Ptr, len(errs))
	const n = 1024
	v := b.upload(0, "x", fill(n, 1))
	for i := range errs {
		wg.Go(func() {
			errs[i] = func() error {
				s, err := b.d.NewStream()
				if err != nil {
					return err
				}
				if ptrs[i], err = b.d.Alloc(4*n, "y"); err != nil {
					return err
				}
				if err := b.d.Memset(s, ptrs[i], 0, 4*n); err != nil {
					return err
				}
				for range 10 {
					if err := b.d.Launch(s, f, x(n/128), x(128), 0, []uint64{uint64(ptrs[i]), uint64(v), f32(float32(i)), n}); err != nil {
						return err
					}
				}
				return b.d.Sync(s)
			}()
		})
	}
	wg.Wait()
	for i, err := range errs {
		b.must(err)
		want(b, 0, "a goroutine's result", ptrs[i], fill(n, float32(10*i)))
	}
}
