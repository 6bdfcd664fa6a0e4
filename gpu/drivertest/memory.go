package drivertest

import (
	"bytes"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

func properties(b *bench) {
	p := b.d.Properties()
	if p.Major < 8 || p.Minor < 0 || p.Multiprocessors < 1 || p.MemoryBytes < 1<<20 {
		b.Errorf("properties %+v: expected compute capability 8.0 or newer, multiprocessors and memory", p)
	}
	if p.SharedBytes < 48<<10 || p.SharedPerSM < p.SharedBytes {
		b.Errorf("properties %+v: expected at least 48 KiB of shared memory a block, and no less a multiprocessor", p)
	}
	if b.d.Name() == "" || b.d.Describe() == "" {
		b.Errorf("name %q, description %q: expected both", b.d.Name(), b.d.Describe())
	}
	free, total, err := b.d.Memory()
	b.must(err)
	if free < 1 || free > total || total > p.MemoryBytes {
		b.Errorf("%d of %d bytes free, of %d: expected 0 < free <= total <= all", free, total, p.MemoryBytes)
	}
}

func allocFree(b *bench) {
	before, total, err := b.d.Memory()
	b.must(err)
	sizes := []int{1, 3, 256, 1000, 4 << 20}
	var ptrs []gpu.Ptr
	for _, n := range sizes {
		p := b.alloc(n, "part")
		if p == 0 || p%256 != 0 {
			b.Errorf("%d bytes at %#x, expected a multiple of 256 that is not 0", n, p)
		}
		b.must(b.d.CopyIn(0, p, bytes.Repeat([]byte{byte(n)}, n)))
		ptrs = append(ptrs, p)
	}
	for i, n := range sizes { // parts that overlap would have overwritten each other
		want(b, 0, "part", ptrs[i], bytes.Repeat([]byte{byte(n)}, n))
	}
	if during, _, err := b.d.Memory(); err != nil || during > before {
		b.Errorf("free bytes: %d with allocations, %d before (error %v), expected no more", during, before, err)
	}
	b.fails("free inside an allocation", b.d.Free(ptrs[3]+256), "free")
	for _, p := range ptrs {
		b.must(b.d.Free(p))
	}
	b.fails("free twice", b.d.Free(ptrs[0]), "free")
	b.fails("free 0", b.d.Free(0), "free")
	for _, n := range []int64{0, -1, total + 1, 1 << 60} {
		_, err := b.d.Alloc(n, "odd size")
		b.fails("allocate an impossible size", err, "allocate", "odd size")
	}
	b.must(b.d.Free(b.alloc(16, "after errors")))

	// Work on another stream still reads what is freed.
	const n = 1 << 16
	s, err := b.d.NewStream()
	b.must(err)
	y, v := b.upload(s, "y", fill(n, 1)), b.upload(s, "x", fill(n, 2))
	b.must(b.d.Launch(s, b.function("axpy"), x(n/256), x(256), 0, []uint64{uint64(y), uint64(v), f32(3), n}))
	b.must(b.d.Free(v))
	want(b, s, "work whose operand was freed behind it", y, fill(n, 7))
}

func copies(b *bench) {
	const n = 1000
	data := bytesOf(n)
	p, q := b.upload(0, "p", data), b.upload(0, "q", make([]byte, n))
	want(b, 0, "all", p, data)
	want(b, 0, "from an odd offset", p+13, data[13:500])

	b.must(b.d.CopyIn(0, q+101, data[7:307]))
	expected := make([]byte, n)
	copy(expected[101:], data[7:307])
	want(b, 0, "into an odd offset", q, expected)

	b.must(b.d.Copy(0, q+3, p+601, 99))
	copy(expected[3:], data[601:700])
	want(b, 0, "on the device", q, expected)
	want(b, 0, "source of a copy", p, data)

	b.must(b.d.CopyIn(0, p, nil))
	b.must(b.d.CopyOut(0, nil, p))
	b.must(b.d.Copy(0, q, p, 0))
	b.must(b.d.Memset(0, q, 9, 0))
	want(b, 0, "after copies of nothing", q, expected)
}

func copyErrors(b *bench) {
	data := bytesOf(512)
	p, q := b.upload(0, "victim", data), b.upload(0, "other", data)
	one := make([]byte, 1)
	b.fails("copy in past the end", b.d.CopyIn(0, p+512, one), "copy to device")
	b.fails("copy in over the end", b.d.CopyIn(0, p+1, data), "copy to device", "victim")
	b.fails("copy in at 0", b.d.CopyIn(0, 0, one), "copy to device")
	b.fails("copy out over the end", b.d.CopyOut(0, data, p+1), "copy from device", "victim")
	b.fails("copy from over the end", b.d.Copy(0, q, p+1, 512), "copy on device", "victim")
	b.fails("copy to over the end", b.d.Copy(0, p+1, q, 512), "copy on device", "victim")
	b.fails("copy of a negative size", b.d.Copy(0, p, q, -1), "copy on device")
	b.fails("memset over the end", b.d.Memset(0, p+1, 0, 512), "set memory", "victim")
	b.fails("memset of a negative size", b.d.Memset(0, p, 0, -1), "set memory")
	want(b, 0, "after refused copies", p, data)
	b.must(b.d.Free(q))
	b.fails("copy in after free", b.d.CopyIn(0, q, one), "copy to device")
}

func memset(b *bench) {
	expected := bytesOf(300)
	p := b.upload(0, "p", expected)
	b.must(b.d.Memset(0, p+10, 0xC3, 77))
	for i := 10; i < 87; i++ {
		expected[i] = 0xC3
	}
	want(b, 0, "memset", p, expected)
}

func pinned(b *bench) {
	const n = 4096
	in, err := b.d.AllocPinned(n)
	b.must(err)
	out, err := b.d.AllocPinned(n)
	b.must(err)
	if len(in) != n || len(out) != n {
		b.Fatalf("%d and %d pinned bytes, expected %d", len(in), len(out), n)
	}
	copy(in, bytesOf(n))
	s, err := b.d.NewStream()
	b.must(err)
	p := b.alloc(n, "p")
	b.must(b.d.CopyIn(s, p, in))
	b.must(b.d.CopyOut(s, out[1:], p+1)) // a part of the pinned memory
	b.must(b.d.Sync(s))
	if !bytes.Equal(out[1:], bytesOf(n)[1:]) {
		b.Error("pinned memory differs after a copy in and out")
	}
	// An event between two copies: the first is done once it was waited for.
	e, err := b.d.NewEvent()
	b.must(err)
	b.must(b.d.CopyOut(s, out[:64], p))
	b.must(b.d.Record(e, s))
	b.must(b.d.CopyIn(s, p, in[64:]))
	clear(in[:64])
	b.must(b.d.Wait(e))
	if !bytes.Equal(out[:64], bytesOf(64)) {
		b.Error("pinned memory differs after a wait for an event after the copy")
	}
	b.must(b.d.Sync(s))
	if _, err := b.d.AllocPinned(0); err == nil {
		b.Error("0 pinned bytes: no error, expected one")
	}
	b.must(b.d.FreePinned(out))
	b.must(b.d.FreePinned(in))
	b.fails("free pinned memory twice", b.d.FreePinned(in), "pinned")
	b.fails("free other memory as pinned", b.d.FreePinned(make([]byte, 8)), "pinned")
	b.fails("free no memory as pinned", b.d.FreePinned(nil), "pinned")
}
