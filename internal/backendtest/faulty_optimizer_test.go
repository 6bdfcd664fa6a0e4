package backendtest

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

type (
	zeroGradFault struct{ backend.Backend }
	gradNormFault struct {
		backend.Backend
		f func(b backend.Backend, norm backend.Buffer, params []backend.Param)
	}
	adamFault struct {
		backend.Backend
		f func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig)
	}
	blockGradFault struct {
		backend.Backend
		f func(b backend.Backend, w backend.Param, dy, x backend.Buffer, t int)
	}
)

// ZeroGrad forgets the last tensor.
func (f zeroGradFault) ZeroGrad(params []backend.Param) { f.Backend.ZeroGrad(params[:len(params)-1]) }

func (f gradNormFault) GradNorm(norm backend.Buffer, params []backend.Param) {
	f.f(f.Backend, norm, params)
}

func (f adamFault) AdamW(params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
	f.f(f.Backend, params, norm, c)
}

func (f blockGradFault) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	f.f(f.Backend, w, dy, x, t)
}

func optimizerFaults() []fault {
	norm := func(name string, f func(b backend.Backend, norm backend.Buffer, params []backend.Param)) fault {
		return fault{"GradNorm", name, func(b backend.Backend) backend.Backend { return gradNormFault{b, f} }}
	}
	adam := func(name string, f func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig)) fault {
		return fault{"AdamW", name, func(b backend.Backend) backend.Backend { return adamFault{b, f} }}
	}
	config := func(name string, change func(c *backend.AdamConfig)) fault {
		return adam(name, func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			change(&c)
			b.AdamW(params, norm, c)
		})
	}
	growth := func(name string, f func(b backend.Backend, w backend.Param, dy, x backend.Buffer, t int)) fault {
		return fault{"BlockGradL1", name, func(b backend.Backend) backend.Backend { return blockGradFault{b, f} }}
	}
	return []fault{
		{"ZeroGrad", "forgets the last tensor", func(b backend.Backend) backend.Backend { return zeroGradFault{b} }},
		norm("forgets the last tensor", func(b backend.Backend, norm backend.Buffer, params []backend.Param) {
			b.GradNorm(norm, params[:len(params)-1])
		}),
		norm("no root", func(b backend.Backend, norm backend.Buffer, params []backend.Param) {
			b.GradNorm(norm, params)
			edit(b, norm, func(v []float32) { v[0] *= v[0] })
		}),
		norm("swallows NaN", func(b backend.Backend, norm backend.Buffer, params []backend.Param) {
			b.GradNorm(norm, params)
			edit(b, norm, func(v []float32) {
				if v[0] != v[0] {
					v[0] = 0
				}
			})
		}),
		norm("clamps infinity", func(b backend.Backend, norm backend.Buffer, params []backend.Param) {
			b.GradNorm(norm, params)
			edit(b, norm, func(v []float32) { v[0] = min(v[0], math.MaxFloat32) })
		}),
		config("no clipping", func(c *backend.AdamConfig) { c.MaxGradNorm = 0 }),
		config("no decay", func(c *backend.AdamConfig) { c.WeightDecay = 0 }),
		config("no Group Lasso", func(c *backend.AdamConfig) { c.GroupLasso = 0 }),
		config("rate of sparse tensors ignored", func(c *backend.AdamConfig) { c.SparseRate = 0 }),
		config("own clocks always", func(c *backend.AdamConfig) { c.GlobalClock = false }),
		config("epsilon ten times too large", func(c *backend.AdamConfig) { c.Eps *= 10 }),
		adam("moments swapped", func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			b.AdamW(params, norm, c)
			for _, p := range params {
				m, v := floats(b, p.M()), floats(b, p.V())
				b.WriteFloats(p.M(), 0, v)
				b.WriteFloats(p.V(), 0, m)
			}
		}),
		adam("ages ignored", func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			for _, p := range params {
				if t, err := b.Topology(p); err == nil && t != nil {
					clear(t.Born)
					clear(t.NewAt)
					b.SetTopology(p, t)
				}
			}
			b.AdamW(params, norm, c)
		}),
		adam("steps when the norm is not finite", func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			edit(b, norm, func(v []float32) {
				if v[0]-v[0] != 0 {
					v[0] = 1
				}
			})
			b.AdamW(params, norm, c)
		}),
		adam("forgets the last element", func(b backend.Backend, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			old := floats(b, params[0].Values())
			b.AdamW(params, norm, c)
			edit(b, params[0].Values(), func(v []float32) { v[len(v)-1] = old[len(v)-1] })
		}),
		growth("assigns", func(b backend.Backend, w backend.Param, dy, x backend.Buffer, t int) {
			b.Zero(b.GrowScores(w), b.GrowScores(w).Len())
			b.BlockGradL1(w, dy, x, t)
		}),
		growth("active blocks only", func(b backend.Backend, w backend.Param, dy, x backend.Buffer, t int) {
			b.BlockGradL1(w, dy, x, t)
			top, err := b.Topology(w)
			if err != nil {
				return
			}
			edit(b, b.GrowScores(w), func(v []float32) {
				for p := range v {
					if _, active := top.Slot(p/top.BlockCols(), p%top.BlockCols()); !active {
						v[p] = 0
					}
				}
			})
		}),
		growth("drops the last token", func(b backend.Backend, w backend.Param, dy, x backend.Buffer, t int) {
			b.BlockGradL1(w, dy, x, t-1)
		}),
	}
}

type (
	updateFault struct {
		backend.Backend
		f func(b backend.Backend, params []backend.Param, u sparse.Update)
	}
	statsFault       struct{ backend.Backend }
	survivorsFault   struct{ backend.Backend }
	setTopologyFault struct {
		backend.Backend
		f func(b backend.Backend, p backend.Param, t *sparse.Topology)
	}
)

func (f updateFault) UpdateTopology(params []backend.Param, u sparse.Update) {
	f.f(f.Backend, params, u)
}

// UpdateStats returns the state now instead of the last update's statistics.
func (f statsFault) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	var list []sparse.Stats
	for _, p := range params {
		t, err := f.Topology(p)
		if err != nil {
			return nil, err
		}
		if t != nil {
			list = append(list, t.Stats(defaultStep().Step))
		}
	}
	return list, nil
}

// UpdateStats forgets the blocks that were grown eight updates ago.
func (f survivorsFault) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	list, err := f.Backend.UpdateStats(params)
	for i := range list {
		list[i].Survivors[3] = 0
	}
	return list, err
}

func (f setTopologyFault) SetTopology(p backend.Param, t *sparse.Topology) { f.f(f.Backend, p, t) }

func topologyFaults() []fault {
	update := func(name string, f func(b backend.Backend, params []backend.Param, u sparse.Update)) fault {
		return fault{"UpdateTopology", name, func(b backend.Backend) backend.Backend { return updateFault{b, f} }}
	}
	changed := func(name string, f func(u *sparse.Update)) fault {
		return update(name, func(b backend.Backend, params []backend.Param, u sparse.Update) {
			f(&u)
			b.UpdateTopology(params, u)
		})
	}
	keep := func(name string, field func(p backend.Param) backend.Buffer) fault {
		return update(name, func(b backend.Backend, params []backend.Param, u sparse.Update) {
			old := map[backend.Param][]float32{}
			for _, p := range params {
				old[p] = floats(b, field(p))
			}
			b.UpdateTopology(params, u)
			for p, v := range old {
				b.WriteFloats(field(p), 0, v)
			}
		})
	}
	set := func(name string, f func(b backend.Backend, p backend.Param, t *sparse.Topology)) fault {
		return fault{"SetTopology", name, func(b backend.Backend) backend.Backend { return setTopologyFault{b, f} }}
	}
	return []fault{
		keep("values of newborn blocks kept", backend.Param.Values),
		keep("first moments kept", backend.Param.M),
		keep("second moments kept", backend.Param.V),
		changed("another seed", func(u *sparse.Update) { u.Seed++ }),
		changed("another norm", func(u *sparse.Update) { u.Norm = sparse.L1 }),
		changed("another growth", func(u *sparse.Update) { u.Growth = sparse.GrowRandom }),
		changed("never regrows", func(u *sparse.Update) { u.RegrowPruned = false }),
		changed("another criterion", func(u *sparse.Update) { u.Prune = sparse.PruneNorm }),
		changed("ages forgotten", func(u *sparse.Update) { u.Ages = nil }),
		changed("newborns not protected", func(u *sparse.Update) { u.Protect = 0 }),
		changed("never ablates", func(u *sparse.Update) { u.Ablate = 0 }),
		changed("birth off by one", func(u *sparse.Update) { u.Step-- }),
		update("forgets the last tensor", func(b backend.Backend, params []backend.Param, u sparse.Update) {
			b.UpdateTopology(params[:len(params)-1], u)
		}),
		update("keeps the growth scores", func(b backend.Backend, params []backend.Param, u sparse.Update) {
			old := map[backend.Param][]float32{}
			for _, p := range params {
				if p.Sparse() {
					old[p] = floats(b, b.GrowScores(p))
				}
			}
			b.UpdateTopology(params, u)
			for p, v := range old {
				b.WriteFloats(b.GrowScores(p), 0, v)
			}
		}),
		{"UpdateTopology", "statistics of now", func(b backend.Backend) backend.Backend { return statsFault{b} }},
		{"UpdateTopology", "no survivors of eight updates ago", func(b backend.Backend) backend.Backend { return survivorsFault{b} }},
		set("ignored", func(backend.Backend, backend.Param, *sparse.Topology) {}),
		set("history lost", func(b backend.Backend, p backend.Param, t *sparse.Topology) {
			t = t.Clone()
			clear(t.Born)
			clear(t.NewAt)
			b.SetTopology(p, t)
		}),
	}
}
