package gpu_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// An update is three launches for all tensors, as long as no working copies are made again.
func TestUpdateIsThreeLaunches(t *testing.T) {
	w := newShadows(t, simdriver.Options{}, 3, tensor{16, 48, 48, 230}, tensor{32, 9, 7, 20}, tensor{1, 128, 192, 2400})
	for number := 1; number <= 3; number++ {
		u := sparse.Update{Seed: 1, Number: number, Step: int64(10 * number), PruneRatio: 0.5}
		w.fill(w.list, u, false)
		w.d.ResetCounters()
		w.b.UpdateTopology(params(w.list), u)
		w.expect(w.list, u)
		w.check("update", w.list)
	}
	for name, c := range w.d.Counters() {
		if c.Launches != 1 || !strings.HasPrefix(name, "topology_") {
			t.Errorf("found %d launches of %s, expected one of each of the update's", c.Launches, name)
		}
	}
	if n := len(w.d.Counters()); n != 3 {
		t.Errorf("found %d kernels, expected 3", n)
	}
}

// TestKeysAreDrawnOnce: topology_update, of which a weight has one thread block, grows by the keys
// that topology_norms drew and works out none of its own, unless protected blocks make it prune
// fewer than topology_norms could know. A pass of Philox over
// all positions takes some hundred instructions for 32 of them, and there would be several.
func TestKeysAreDrawnOnce(t *testing.T) {
	const positions = 256 * 192
	for _, protect := range []int{0, 1} {
		w := newShadows(t, simdriver.Options{}, 3, tensor{1, 256, 192, 4800})
		var own int64
		for number := 1; number <= 2; number++ { // the second would prune what the first has grown
			u := sparse.Update{Seed: 1, Number: number, Step: int64(10 * number), PruneRatio: 0.9, Protect: protect}
			w.fill(w.list, u, false)
			w.d.ResetCounters()
			w.b.UpdateTopology(params(w.list), u)
			w.expect(w.list, u)
			w.check("update", w.list)
			own, _ = w.d.Counters()["topology_update"].Instructions()
		}
		if drawn := own < 150*positions/32; drawn != (protect == 0) {
			t.Errorf("protect %d: found %d warp instructions of topology_update", protect, own)
		}
	}
}

// TestUpdatesInAnyOrder: the list of keys is filled in the order in which warps come, which shows
// in no bit of an update.
func TestUpdatesInAnyOrder(t *testing.T) {
	for seed := range uint64(2) {
		w := newShadows(t, simdriver.Options{Seed: seed + 1, BlockRaces: seed == 1}, 5, tensor{1, 96, 130, 1250}, tensor{4, 40, 33, 150}, tensor{16, 9, 15, 40})
		for number := 1; number <= 4; number++ {
			u := sparse.Update{Seed: 4, Number: number, Step: int64(number), PruneRatio: 0.3, RegrowPruned: number%2 == 0}
			w.fill(w.list, u, false)
			w.b.UpdateTopology(params(w.list), u)
			w.expect(w.list, u)
			w.check(fmt.Sprintf("seed %d, %+v", seed+1, u), w.list)
		}
	}
}
