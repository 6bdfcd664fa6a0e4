package simdriver

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// With latencies each launch, memset and copy is kept, those of graphs when they run; without none is.
func TestLaunches(t *testing.T) {
	for _, timed := range []bool{false, true} {
		o := Options{Major: 8, SharedPerSM: 164 << 10, Multiprocessors: 3}
		if timed {
			o.Latencies = &Latencies{Arithmetic: 4, Global: 100}
		}
		d := New(o)
		if p := d.Properties(); p.Major != 8 || p.SharedPerSM != 164<<10 || p.Multiprocessors != 3 {
			t.Errorf("found %+v, expected what the options say", p)
		}
		f := function(t, d, "axpy")
		y, x := must[gpu.Ptr](t)(d.Alloc(4*64, "y")), must[gpu.Ptr](t)(d.Alloc(4*64, "x"))
		check(t, d.Memset(0, x, 0, 4*64))
		check(t, d.Copy(0, y, x, 4*64))
		s := must[gpu.Stream](t)(d.NewStream())
		check(t, d.BeginCapture(s))
		check(t, launchOn(d, s, f, y, x, 64))
		g := must[gpu.Graph](t)(d.EndCapture(s))
		before := len(d.Launches())
		check(t, d.LaunchGraph(g, s))
		l := d.Launches()
		if !timed {
			if len(l) != 0 {
				t.Errorf("found %d launches without time, expected none", len(l))
			}
			continue
		}
		if before != 2 || len(l) != 3 || l[0].Kernel != "memset" || l[1].Kernel != "copy" || l[2].Kernel != "axpy" {
			t.Fatalf("found %d launches before and %+v after, expected memset and copy, and axpy", before, l)
		}
		if l[0].StoredSectors != 8 || l[0].LoadedSectors != 0 || l[1].LoadedSectors != 8 || l[1].StoredSectors != 8 {
			t.Errorf("found %+v, expected 8 sectors set, and 8 read and written", l[:2])
		}
		if a := l[2]; a.LoadedSectors != 16 || a.StoredSectors != 8 || len(a.Blocks) != 1 || a.LongestCycles < 100 || a.GlobalChain != 1 || a.Block.X != 64 {
			t.Errorf("found %+v, expected a block that loads 16 sectors, each thread two side by side, and stores 8", a)
		}
		d.ResetCounters()
		if n := len(d.Launches()); n != 0 {
			t.Errorf("found %d launches after ResetCounters, expected none", n)
		}
	}
}
