package drivertest

import (
	"time"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// shared checks what another library is told of memory, streams and events.
func shared(b *bench) {
	d, ok := b.d.(gpu.Shared)
	if !ok {
		b.Skip("the driver shares nothing")
	}
	if d.UUID() == ([16]byte{}) {
		b.Error("found no UUID")
	}
	b.must(d.Enter())
	p, err := d.Alloc(100, "shared")
	b.must(err)
	s, err := d.NewStream()
	b.must(err)
	_, err = d.StreamHandle(s)
	b.must(err)
	first, err := d.Address(p, 100, true)
	b.must(err)
	second, err := d.Address(p+10, 90, true)
	b.must(err)
	if first == 0 || second != first+10 {
		b.Errorf("found addresses %#x and %#x, expected the second 10 bytes behind the first", first, second)
	}
	for _, n := range []int64{91, -1} {
		if _, err := d.Address(p+10, n, true); err == nil {
			b.Errorf("%d bytes of 90: found no error", n)
		}
	}
	if _, err := d.StreamHandle(s + 1); err == nil {
		b.Error("a stream that is none: found no error")
	}
	e, err := d.NewEvent()
	b.must(err)
	if _, err := d.Passed(e); err == nil {
		b.Error("an event that was never recorded: found no error")
	}
	b.must(d.Record(e, s))
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		passed, err := d.Passed(e)
		b.must(err)
		if passed {
			return
		}
		if time.Since(begin) > 10*time.Second {
			b.Fatal("an event of an empty stream has not passed in ten seconds")
		}
	}
}
