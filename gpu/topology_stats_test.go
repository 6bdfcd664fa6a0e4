package gpu_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The statistics of an update are a small part of its instructions, and read what they
// count once.
func TestStatisticsAreASmallPart(t *testing.T) {
	for _, s := range []tensor{{16, 48, 48, 230}, {1, 128, 192, 2400}} {
		w := newShadows(t, simdriver.Options{}, 3, s)
		for number := 1; number <= 3; number++ {
			u := sparse.Update{Seed: 1, Number: number, Step: int64(10 * number), PruneRatio: 0.5}
			w.fill(w.list, u, false)
			w.d.ResetCounters()
			w.b.UpdateTopology(params(w.list), u)
			w.expect(w.list, u)
			w.check("update", w.list)
		}
		all, own := int64(0), int64(0)
		for name, c := range w.d.Counters() {
			n := int64(0)
			for _, k := range c.Warp {
				n += k
			}
			t.Logf("B=%d: %s: %d warp instructions, %d bytes loaded", s.block, name, n, c.GlobalLoadBytes)
			if all += n; name == "topology_stats" {
				own = n
			}
		}
		if own == 0 || own*10 > all {
			t.Errorf("B=%d: found %d warp instructions of the statistics, of %d of the update, expected a tenth at most", s.block, own, all)
		}
	}
}
