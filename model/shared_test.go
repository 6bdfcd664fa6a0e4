package model_test

import (
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// sharing is a device with the optional backend.SharedInput, one by one.
type sharing struct {
	backend.Backend
	calls map[string]int
}

func (s sharing) Capabilities() backend.Capabilities {
	have := s.Backend.Capabilities()
	have.SharedInput = s
	return have
}

func (s sharing) DSDShared(y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
	s.calls["DSD"]++
	for i := range w {
		s.DSD(y[i], nil, x, w[i], b[i], t)
	}
}

func (s sharing) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	s.calls["DDS"]++
	for i := range w {
		s.DDS(dx, dy[i], w[i], t, backend.Accumulate, nil)
	}
}

func (s sharing) SDDShared(w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	s.calls["SDD"]++
	for i := range w {
		s.SDD(w[i], b[i], dy[i], x, t)
	}
}

// TestSharedInput: a model uses the interface for query, key and value where the
// device has it, with and without growth scores, and trains to the same bits.
func TestSharedInput(t *testing.T) {
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
		c := smallConfig(model.Dynamic, 8)
		c.Growth = growth
		calls := map[string]int{}
		run := func(b backend.Backend) (values [][]float32) {
			m := build(t, b, c, smallOptions)
			for s := range 3 {
				a := model.StepArgs{Step: int64(s), LR: 1e-2, Adam: adam()}
				if s == 1 {
					a.Update = update(1)
					a.Update.Growth = growth
				}
				step(t, m, a, smallBatch(4, uint64(s)))
			}
			for _, p := range m.Params() {
				values = append(values, floats(t, b, p.Values()))
			}
			return values
		}
		apart, together := run(openCPU(t, 1)), run(sharing{openCPU(t, 1), calls})
		for i := range apart {
			if !slices.Equal(apart[i], together[i]) {
				t.Errorf("%s: tensor %d differs", growth, i)
			}
		}
		for _, op := range []string{"DSD", "DDS", "SDD"} {
			if want := 3 * c.Layers; calls[op] != want {
				t.Errorf("%s: found %d shared calls of %s, expected %d", growth, calls[op], op, want)
			}
		}
	}
}
