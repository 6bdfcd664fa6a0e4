package gpu_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// added panics at an error: the rows of this file are good.
func added[E any](row E, err error) E {
	if err != nil {
		panic(err)
	}
	return row
}

// What a user adds: a criterion of each kind. docs/criteria.md is about them.
var (
	// widest prunes the block with the smallest spread between its values.
	widest = added(sparse.AddPrune(sparse.PruneCriterion{
		Name: "spread", Help: "the smallest spread of values",
		Score: func(b *sparse.BlockState, _ *sparse.Update) float32 {
			least, most := b.Values[0], b.Values[0]
			for _, w := range b.Values {
				least, most = min(least, w), max(most, w)
			}
			return most - least
		},
	}))
	// fresh grows where no block has been yet, as long as there is such a place.
	fresh = added(sparse.AddGrow(sparse.GrowCriterion{
		Name: "fresh", Help: "places never explored, then at random",
		Key: func(c *sparse.Candidate) uint64 {
			key := c.Draw() >> 1
			if c.Explored() {
				key |= 1 << 63
			}
			return key
		},
	}))
	// pairs lets two block rows each exchange blocks.
	pairs = added(sparse.AddRows(sparse.RowConstraint{Name: "pairs", Help: "as many in every two block rows", Rows: 2}))
)

// TestAddedCriteria: what is added runs with equal bits on the CPU, the reference and the
// definition, and on the simulator where there are kernels for it; where there are none it
// is refused by name.
func TestAddedCriteria(t *testing.T) {
	freshPairs := added(sparse.GrowthOf("fresh", "pairs"))
	gradientPairs := added(sparse.GrowthOf("gradient", "pairs"))
	if freshPairs.String() != "fresh-pairs" || gradientPairs.String() != "gradient-pairs" {
		t.Errorf("found the words %s and %s, expected fresh-pairs and gradient-pairs", freshPairs, gradientPairs)
	}
	for _, c := range []struct {
		name    string
		update  sparse.Update
		refused string // by the simulator
	}{
		{"prune", sparse.Update{Prune: widest}, "the prune criterion spread"},
		{"grow", sparse.Update{Growth: fresh}, "the grow criterion fresh"},
		{"rows", sparse.Update{Growth: pairs}, ""},
		{"rows and gradient", sparse.Update{Growth: gradientPairs}, ""},
		{"all three", sparse.Update{Prune: widest, Growth: freshPairs}, "the prune criterion spread"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range []struct {
				name    string
				b       backend.Backend
				refused string
			}{
				{"cpu", added(cpu.New(cpu.Options{Threads: 2})), ""},
				{"reference", reference.New(), ""},
				{"sim", added(gpu.New(simdriver.New(simdriver.Options{}), gpu.Options{})), c.refused},
			} {
				sameUpdates(t, d.name, d.b, c.update, d.refused)
				if err := d.b.Close(); err != nil && d.refused == "" {
					t.Error(err)
				}
			}
		})
	}
	// fresh does what it says.
	topology := added(sparse.StartTopology(sparse.Shape{Out: 6, In: 10, Block: 1}, 20, 1, 0))
	for number := 1; number <= 4; number++ {
		u := sparse.Update{Number: number, Step: int64(number), PruneRatio: 0.5, Growth: fresh}
		change := added(topology.Update(make([]float32, 20), nil, u, 0))
		if want := 20 + 10*number; change.Stats.Explored != min(60, want) {
			t.Errorf("update %d: found %d places explored, expected %d", number, change.Stats.Explored, want)
		}
	}
}

// sameUpdates does three updates on a device and by the definition.
func sameUpdates(t *testing.T, name string, b backend.Backend, u sparse.Update, refused string) {
	t.Helper()
	shape := sparse.Shape{Out: 5 * 4, In: 9 * 4, Block: 4}
	host := added(sparse.FanInTopology(shape, 17, 3, 0))
	p := b.NewParam(backend.ParamSpec{Name: "w", Out: shape.Out, In: shape.In, Topology: host})
	values := make([]float32, 17*16)
	for number := 1; number <= 3; number++ {
		for i := range values {
			values[i] = float32(math.Sin(float64(i*number))) * float32(i%7)
		}
		scores := make([]float32, shape.Positions())
		for i := range scores {
			scores[i] = float32((i * 11) % 7)
		}
		b.WriteFloats(p.Values(), 0, values)
		if u.Growth.Scores() {
			b.WriteFloats(b.GrowScores(p), 0, scores)
		}
		u.Seed, u.Number, u.Step, u.PruneRatio = 3, number, int64(number), 0.4
		b.UpdateTopology([]backend.Param{p}, u)
		if refused != "" {
			if err := b.Sync(); err == nil || !strings.Contains(err.Error(), refused) || !strings.Contains(err.Error(), "UpdateTopology") {
				t.Errorf("%s: found error %v, expected one that names %s", name, err, refused)
			}
			if can := b.Capabilities().Criteria; can == nil || can(u) == nil {
				t.Errorf("%s: the device does not say beforehand that it cannot", name)
			}
			return
		}
		added(host.Update(values, scores, u, 0))
		got, err := b.Topology(p)
		if err != nil || !got.Equal(host) {
			t.Errorf("%s, update %d: found another topology than by the definition, or error %v", name, number, err)
			return
		}
		if can := b.Capabilities().Criteria; can != nil && can(u) != nil {
			t.Errorf("%s: the device says that it cannot, and does: %v", name, can(u))
		}
	}
}

// TestCriteriaHaveKernels: the simulator and CUDA can do every criterion of package sparse.
func TestCriteriaHaveKernels(t *testing.T) {
	b := added(gpu.New(simdriver.New(simdriver.Options{}), gpu.Options{}))
	defer b.Close()
	for _, growth := range sparse.Growths() {
		for _, prune := range sparse.Prunes() {
			err := b.Capabilities().Criteria(sparse.Update{Growth: growth, Prune: prune})
			mine := prune == widest || growth.Criterion().Name == "fresh"
			if (err != nil) != mine {
				t.Errorf("%s, %s: found error %v", growth, prune, err)
			}
		}
	}
}
