package drivertest

import (
	"github.com/sparsebert/sparsebert-gpu/gpu"
)

const graphLength = 1024

// recording is a stream with y += a x, then z = y, then w = bytes 5, on it.
type recording struct {
	*bench
	s          gpu.Stream
	f          gpu.Function
	y, v, z, w gpu.Ptr
}

func (b *bench) recording(s gpu.Stream) *recording {
	r := &recording{bench: b, s: s, f: b.function("axpy")}
	r.y, r.v = b.upload(s, "y", fill(graphLength, 1)), b.upload(s, "x", fill(graphLength, 2))
	r.z, r.w = b.upload(s, "z", fill(graphLength, -1)), b.upload(s, "w", make([]byte, 16))
	b.must(b.d.Sync(s))
	return r
}

func (r *recording) launch() error {
	// The slice is spoiled afterwards: a graph must have copied what it needs.
	args := []uint64{uint64(r.y), uint64(r.v), f32(3), graphLength}
	defer clear(args)
	return r.d.Launch(r.s, r.f, x(graphLength/128), x(128), 0, args)
}

func (r *recording) work() {
	r.Helper()
	r.must(r.launch())
	r.must(r.d.Copy(r.s, r.z, r.y, 4*graphLength))
	r.must(r.d.Memset(r.s, r.w, 5, 16))
}

func (r *recording) check(what string, y float32, w byte) {
	r.Helper()
	want(r.bench, r.s, what+": y", r.y, fill(graphLength, y))
	want(r.bench, r.s, what+": w", r.w, []byte{w, w, w, w})
}

func capture(b *bench) {
	s, err := b.d.NewStream()
	b.must(err)
	captureOn(b, s)
}

func captureDefault(b *bench) { captureOn(b, 0) }

func captureOn(b *bench, s gpu.Stream) {
	r := b.recording(s)
	b.must(b.d.BeginCapture(s))
	r.work()
	g, err := b.d.EndCapture(s)
	b.must(err)
	if g == 0 {
		b.Fatal("graph 0, expected another")
	}
	r.check("captured, not run", 1, 0)
	want(b, s, "captured, not run: z", r.z, fill(graphLength, -1))

	b.must(b.d.LaunchGraph(g, s))
	r.check("first replay", 1+3*2, 5)
	want(b, s, "first replay: z", r.z, fill(graphLength, 7))

	// The second replay sees new contents at the old addresses.
	b.must(b.d.CopyIn(s, r.v, b.encode(fill(graphLength, 10))))
	b.must(b.d.CopyIn(s, r.y, b.encode(fill(graphLength, 100))))
	b.must(b.d.Memset(s, r.w, 0, 16))
	b.must(b.d.LaunchGraph(g, s))
	r.check("second replay", 130, 5)
	want(b, s, "second replay: z", r.z, fill(graphLength, 130))

	// On another stream, twice without waiting; then plain work on the captured one.
	b.must(b.d.Sync(s))
	other, err := b.d.NewStream()
	b.must(err)
	b.must(b.d.LaunchGraph(g, other))
	b.must(b.d.LaunchGraph(g, other))
	b.must(b.d.Sync(other))
	b.must(r.launch())
	r.check("two replays and a launch", 130+3*30, 5)

	b.must(b.d.Sync(s))
	b.must(b.d.FreeGraph(g))
	b.fails("launch of a graph after free", b.d.LaunchGraph(g, s))
	b.fails("free of a graph twice", b.d.FreeGraph(g))

	b.must(b.d.BeginCapture(s))
	empty, err := b.d.EndCapture(s)
	b.must(err)
	b.must(b.d.LaunchGraph(empty, s))
	b.must(b.d.Sync(s))
	// Left for Close to free.
}

// captureOther works on one stream while another is captured.
func captureOther(b *bench) {
	s, err := b.d.NewStream()
	b.must(err)
	other, err := b.d.NewStream()
	b.must(err)
	r := b.recording(s)
	p := b.upload(other, "p", make([]byte, 8))
	b.must(b.d.BeginCapture(s))
	r.work()
	b.must(b.d.Memset(other, p, 7, 4))
	b.must(b.d.Copy(other, p+4, p, 4))
	g, err := b.d.EndCapture(s)
	b.must(err)
	want(b, other, "other stream", p, []byte{7, 7, 7, 7, 7, 7, 7, 7})
	b.must(b.d.Memset(other, p, 1, 8))
	b.must(b.d.Sync(other))
	b.must(b.d.LaunchGraph(g, s))
	r.check("replay", 7, 5)
	want(b, other, "other stream after the replay", p, []byte{1, 1, 1, 1, 1, 1, 1, 1})
}

// forbidden makes each call that a capture does not allow: it fails, the capture
// is spoiled, and the driver works as before once it is ended.
func forbidden(b *bench) {
	s, err := b.d.NewStream()
	b.must(err)
	other, err := b.d.NewStream()
	b.must(err)
	r := b.recording(s)
	pin, err := b.d.AllocPinned(64)
	b.must(err)
	e1, err := b.d.NewEvent()
	b.must(err)
	b.must(b.d.Record(e1, s))
	b.must(b.d.BeginCapture(s))
	good, err := b.d.EndCapture(s)
	b.must(err)
	buf := make([]byte, 4)
	d := b.d
	static, most := b.function("rotate"), d.Properties().SharedBytes // with 16 KiB of static shared memory
	args := []uint64{uint64(r.y), uint64(r.v), 0, 0}
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"Alloc", func() error { _, err := d.Alloc(16, "p"); return err }},
		{"Free", func() error { return d.Free(r.w) }},
		{"Memory", func() error { _, _, err := d.Memory(); return err }},
		{"AllocPinned", func() error { _, err := d.AllocPinned(16); return err }},
		{"FreePinned", func() error { return d.FreePinned(pin) }},
		{"CopyIn", func() error { return d.CopyIn(s, r.y, buf) }},
		{"CopyIn pinned", func() error { return d.CopyIn(s, r.y, pin) }},
		{"CopyIn on another stream", func() error { return d.CopyIn(other, r.y, buf) }},
		{"CopyOut", func() error { return d.CopyOut(s, buf, r.y) }},
		{"CopyOut pinned", func() error { return d.CopyOut(s, pin, r.y) }},
		{"Load", func() error { _, err := d.Load("conformance.ptx", ptx); return err }},
		{"Function", func() error { _, err := d.Function(r.mod, "axpy"); return err }},
		{"NewStream", func() error { _, err := d.NewStream(); return err }},
		{"Sync", func() error { return d.Sync(s) }},
		{"Sync of another stream", func() error { return d.Sync(other) }},
		{"NewEvent", func() error { _, err := d.NewEvent(); return err }},
		{"Record", func() error { return d.Record(e1, s) }},
		{"Wait", func() error { return d.Wait(e1) }},
		{"Elapsed", func() error { _, err := d.Elapsed(e1, e1); return err }},
		{"BeginCapture", func() error { return d.BeginCapture(s) }},
		{"BeginCapture of another stream", func() error { return d.BeginCapture(other) }},
		{"LaunchGraph", func() error { return d.LaunchGraph(good, s) }},
		{"FreeGraph", func() error { return d.FreeGraph(good) }},
		{"a launch without arguments", func() error { return d.Launch(s, r.f, x(1), x(1), 0, nil) }},
		{"a launch of too many threads", func() error { return d.Launch(s, r.f, x(1), gpu.Dim3{X: 32, Y: 33}, 0, args) }},
		{"a launch with too much shared memory", func() error { return d.Launch(s, static, x(1), x(1), most-16<<10+4, args[:3]) }},
		{"a launch with less than no shared memory", func() error { return d.Launch(s, r.f, x(1), x(1), -4, args) }},
		{"a copy that fails", func() error { return d.Copy(s, r.w, r.y, -1) }},
		{"EndCapture of another stream", func() error { _, err := d.EndCapture(other); return err }},
	} {
		b.must(d.BeginCapture(s))
		b.must(r.launch())
		b.fails(c.name+" while capturing", c.call())
		b.must(r.launch())
		g, err := d.EndCapture(s)
		b.fails("end of a capture after "+c.name, err, "end capture")
		if g != 0 {
			b.Errorf("%s: a spoiled capture gave graph %d, expected 0", c.name, g)
		}
	}
	b.must(d.Sync(s))
	r.check("after spoiled captures", 1, 0)

	b.must(d.BeginCapture(s))
	r.work()
	g, err := d.EndCapture(s)
	b.must(err)
	b.must(d.LaunchGraph(g, s))
	r.check("a capture after spoiled ones", 7, 5)
}

func captureErrors(b *bench) {
	s, err := b.d.NewStream()
	b.must(err)
	_, err = b.d.EndCapture(s)
	b.fails("end of no capture", err, "end capture")
	r := b.recording(s)
	b.must(b.d.BeginCapture(s))
	b.must(r.launch())
	b.must(b.d.Close()) // also ends a capture
	b.closed = true
}

func closed(b *bench) {
	s, err := b.d.NewStream()
	b.must(err)
	r := b.recording(s)
	pin, err := b.d.AllocPinned(64)
	b.must(err)
	e, err := b.d.NewEvent()
	b.must(err)
	b.must(b.d.Record(e, s))
	b.must(b.d.BeginCapture(s))
	g, err := b.d.EndCapture(s)
	b.must(err)
	b.must(b.d.Sync(s))
	b.must(b.d.Close())
	b.closed = true
	buf := make([]byte, 4)
	d := b.d
	if d.Name() == "" || d.Describe() == "" || d.Properties().Major == 0 {
		b.Error("name, description or properties are lost after Close")
	}
	for name, call := range map[string]func() error{
		"Alloc":        func() error { _, err := d.Alloc(16, "p"); return err },
		"Free":         func() error { return d.Free(r.w) },
		"Memory":       func() error { _, _, err := d.Memory(); return err },
		"AllocPinned":  func() error { _, err := d.AllocPinned(16); return err },
		"FreePinned":   func() error { return d.FreePinned(pin) },
		"CopyIn":       func() error { return d.CopyIn(s, r.y, buf) },
		"CopyOut":      func() error { return d.CopyOut(s, buf, r.y) },
		"Copy":         func() error { return d.Copy(s, r.y, r.v, 4) },
		"Memset":       func() error { return d.Memset(s, r.y, 0, 4) },
		"Load":         func() error { _, err := d.Load("conformance.ptx", ptx); return err },
		"Function":     func() error { _, err := d.Function(r.mod, "axpy"); return err },
		"Launch":       r.launch,
		"NewStream":    func() error { _, err := d.NewStream(); return err },
		"Follow":       func() error { return d.Follow(0, 0) },
		"Sync":         func() error { return d.Sync(0) },
		"NewEvent":     func() error { _, err := d.NewEvent(); return err },
		"Record":       func() error { return d.Record(e, s) },
		"Wait":         func() error { return d.Wait(e) },
		"Elapsed":      func() error { _, err := d.Elapsed(e, e); return err },
		"BeginCapture": func() error { return d.BeginCapture(s) },
		"EndCapture":   func() error { _, err := d.EndCapture(s); return err },
		"LaunchGraph":  func() error { return d.LaunchGraph(g, s) },
		"FreeGraph":    func() error { return d.FreeGraph(g) },
		"Close":        d.Close,
	} {
		b.fails(name+" after Close", call(), "closed")
	}
}

// branches captures work of two streams: y += a x on both sides, of which one is copied
// behind both.
func branches(b *bench) {
	s, err := b.d.NewStream()
	b.must(err)
	side, err := b.d.NewStream()
	b.must(err)
	r := b.recording(s)
	other := b.upload(s, "the branch's y", fill(graphLength, 1))
	b.must(b.d.Sync(s))
	work := func() {
		b.must(r.launch()) // y = 1 + 3 * 2
		b.must(b.d.Follow(side, s))
		args := []uint64{uint64(other), uint64(r.y), f32(2), graphLength}
		b.must(b.d.Launch(side, r.f, x(graphLength/128), x(128), 0, args)) // 1 + 2 * 7
		b.must(b.d.Copy(s, r.z, r.y, 4*graphLength))
		b.must(b.d.Follow(s, side))
		b.must(b.d.Copy(s, r.v, other, 4*graphLength))
	}
	b.must(b.d.BeginCapture(s))
	work()
	g, err := b.d.EndCapture(s)
	b.must(err)
	r.check("branches captured, not run", 1, 0)
	b.must(b.d.LaunchGraph(g, s))
	want(b, s, "branches: the branch's y", other, fill(graphLength, 15))
	want(b, s, "branches: z", r.z, fill(graphLength, 7))
	want(b, s, "branches: x", r.v, fill(graphLength, 15))
	// The streams are as before: the same call by call.
	b.must(b.d.Sync(s))
	b.must(b.d.CopyIn(s, r.v, b.encode(fill(graphLength, 2))))
	b.must(b.d.CopyIn(s, r.y, b.encode(fill(graphLength, 1))))
	b.must(b.d.CopyIn(s, other, b.encode(fill(graphLength, 1))))
	work()
	want(b, s, "call by call: x", r.v, fill(graphLength, 15))
	b.must(b.d.FreeGraph(g))

	b.must(b.d.BeginCapture(s))
	b.must(b.d.Follow(side, s))
	b.must(b.d.Memset(side, r.w, 1, 16))
	g, err = b.d.EndCapture(s)
	b.fails("end of a capture whose branch was not followed", err, "end capture")
	if g != 0 {
		b.Errorf("a capture whose branch was not followed gave graph %d, expected 0", g)
	}
	b.must(b.d.BeginCapture(s))
	b.fails("a captured stream that follows one that is not", b.d.Follow(s, side), "follow stream")
	_, err = b.d.EndCapture(s)
	b.fails("end of a capture after that", err, "end capture")
	b.must(b.d.Sync(s))
	b.must(b.d.Sync(side))
	b.must(b.d.Memset(side, r.w, 9, 16))
	want(b, side, "the branch's stream after spoiled captures", r.w, []byte{9, 9, 9, 9})
}
