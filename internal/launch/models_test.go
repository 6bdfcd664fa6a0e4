package launch_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// gpus are a GPU of each compute capability that docs/gpu.md promises, with what a thread block
// and a multiprocessor have of shared memory.
var gpus = []struct {
	capability string
	device     launch.Device
}{
	{"8.0, A100", launch.Device{Multiprocessors: 108, SharedBytes: 163 << 10, SharedPerSM: 164 << 10}},
	{"8.6, A10", launch.Device{Multiprocessors: 72, SharedBytes: 99 << 10, SharedPerSM: 100 << 10}},
	{"8.9, L4", launch.Device{Multiprocessors: 58, SharedBytes: 99 << 10, SharedPerSM: 100 << 10}},
	{"8.9, L40", launch.Device{Multiprocessors: 142, SharedBytes: 99 << 10, SharedPerSM: 100 << 10}},
	{"9.0, H200", launch.Device{Multiprocessors: 132, SharedBytes: 227 << 10, SharedPerSM: 228 << 10, Wgmma: true}},
	{"10.0, B200", launch.Device{Multiprocessors: 148, SharedBytes: 227 << 10, SharedPerSM: 228 << 10}},
	{"12.0, RTX 5090", launch.Device{Multiprocessors: 170, SharedBytes: 99 << 10, SharedPerSM: 100 << 10}},
}

// TestEveryModelOnEveryGPU: in bfloat16 every product of every model of the table runs on tensor
// cores on every GPU, with each block size, and fits.
func TestEveryModelOnEveryGPU(t *testing.T) {
	for _, g := range gpus {
		for _, name := range model.PresetNames() {
			c, err := model.Preset(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, shape := range [][2]int{{c.Hidden, c.Hidden}, {c.FFN, c.Hidden}, {c.Hidden, c.FFN}} {
				for _, block := range []int{0, 1, 4, 8, 16, 32, 64} {
					for _, density := range []float64{0.01, 0.1, 0.5, 1} {
						w := launch.Weight{Out: shape[0], In: shape[1], Block: block}
						if block > 0 {
							w.NNZB = max(1, int(density*float64(w.Out/block*(w.In/block))))
						}
						for op := range launch.SDD + 1 {
							for _, tokens := range []int{1, 128, 4096, 65536} {
								what := fmt.Sprintf("%s: %s of %s, %d -> %d, B = %d, nnzb = %d, %d tokens", g.capability, op, name, w.In, w.Out, block, w.NNZB, tokens)
								p, err := launch.Product(g.device, backend.BF16, op, w, tokens)
								if err != nil {
									t.Errorf("%s: %v", what, err)
									continue
								}
								if p.Family == launch.Plain {
									t.Errorf("%s: found plain kernels, expected tensor cores", what)
								}
								check(t, what, g.device, p.Launch)
								if q, ok := launch.QKV(g.device, backend.BF16, op, []launch.Weight{w, w, w}, tokens); ok {
									check(t, what+", fused", g.device, q.Launch)
								}
							}
						}
					}
				}
			}
		}
	}
}
