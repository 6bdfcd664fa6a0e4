package backendtest

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// sharding is a backend with its backend.Sharder.
type sharding struct {
	backend.Backend
	backend.Sharder
}

// shardFault is a backend that has a backend.Sharder, with a fault.
type shardFault struct {
	sharding
	shard  func(b sharding, p backend.Param, lo, hi int)
	adam   func(b sharding, params []backend.Param)
	update func(b sharding, params []backend.Param, u sparse.Update)
}

func (f shardFault) Capabilities() backend.Capabilities { return backend.Capabilities{Sharder: f} }

func (f shardFault) Shard(p backend.Param, lo, hi int) {
	if f.shard != nil {
		f.shard(f.sharding, p, lo, hi)
		return
	}
	f.Sharder.Shard(p, lo, hi)
}

func (f shardFault) AdamW(params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
	f.Backend.AdamW(params, norm, c)
	if f.adam != nil {
		f.adam(f.sharding, params)
	}
}

func (f shardFault) UpdateTopology(params []backend.Param, u sparse.Update) {
	if f.update != nil {
		f.update(f.sharding, params, u)
		return
	}
	f.Backend.UpdateTopology(params, u)
}

func shardFaults() []fault {
	plant := func(name string, f shardFault) fault {
		return fault{"Shard", name, func(b backend.Backend) backend.Backend {
			f.sharding = sharding{b, b.Capabilities().Sharder}
			return f
		}}
	}
	return []fault{
		plant("all moments are kept", shardFault{shard: func(sharding, backend.Param, int, int) {}}),
		plant("always the first elements", shardFault{shard: func(b sharding, p backend.Param, lo, hi int) {
			b.Shard(p, 0, hi-lo)
		}}),
		plant("values elsewhere move", shardFault{adam: func(b sharding, params []backend.Param) {
			for _, p := range params {
				if p.M().Len() < p.Values().Len() {
					edit(b, p.Values(), func(v []float32) { v[0] *= 1.5; v[len(v)-1] *= 1.5 })
				}
			}
		}}),
		plant("moments of newborns stay", shardFault{update: func(b sharding, params []backend.Param, u sparse.Update) {
			for _, p := range params {
				m := floats(b, p.M())
				b.UpdateTopology([]backend.Param{p}, u)
				if len(m) < p.Values().Len() {
					b.WriteFloats(p.M(), 0, m)
				}
			}
		}}),
		plant("an update by moments is done anyway", shardFault{update: func(b sharding, params []backend.Param, u sparse.Update) {
			u.Prune = sparse.PruneNorm
			b.UpdateTopology(params, u)
		}}),
	}
}
