package report

import (
	"math"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// A layer, a weight and the model agree on the share of the pruned blocks that were new: each
// pruned block counts once, and what pruned nothing does not count.
func TestRemovedNewIsWeightedByPrunedBlocks(t *testing.T) {
	const query, value = "bert.encoder.layer.0.attention.self.query.weight", "bert.encoder.layer.0.attention.self.value.weight"
	r := &Run{
		Topology: []metrics.Topology{
			{Step: 10, Pruned: 104, RemovedNewRatio: new(76. / 104)},
			{Step: 20},
		},
		Tensors: []metrics.Tensor{
			{Step: 10, Tensor: query, Pruned: 4, RemovedNewRatio: new(0.25)},
			{Step: 10, Tensor: value, Pruned: 100, RemovedNewRatio: new(0.75)},
			{Step: 20, Tensor: query},                            // nothing pruned
			{Step: 20, Tensor: value, RemovedNewRatio: new(0.0)}, // the same of an older version
		},
	}
	var layer, weights []float64
	for _, f := range (&detail{run: r}).layerFigures() {
		switch f := f.(type) {
		case *chart:
			if f.name != "layer-removed-time" {
				continue
			}
			for _, c := range f.curves {
				for _, p := range c.points {
					layer = append(layer, p.x, p.y)
				}
			}
		case *heatMap:
			if f.name == "layer-removed" {
				weights = f.values[0]
			}
		}
	}
	if len(layer) != 2 || layer[0] != 10 || !(math.Abs(layer[1]-76./104) <= 1e-15) {
		t.Errorf("layer: found %v, want step 10 at 76/104 alone", layer)
	}
	if len(weights) != 6 || weights[0] != 0.25 || weights[2] != 0.75 || !math.IsNaN(weights[1]) {
		t.Errorf("weights: found %v, want 0.25 for query, 0.75 for value, none else", weights)
	}
	if v := removedNewOf(r.Topology[0]); !(math.Abs(v-layer[1]) <= 1e-15) {
		t.Errorf("model: found %v, the layer has %v", v, layer[1])
	}
	if v := removedNewOf(r.Topology[1]); !math.IsNaN(v) {
		t.Errorf("an update that pruned nothing: found %v, want none", v)
	}
}
