package backend_test

import (
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// badCall is a mistake that is not one bad buffer or parameter of a call.
type badCall struct {
	op, name string
	vague    bool // the message comes from package sparse and may lack "expected"
	do       func(b, other backend.Backend)
}

func badCalls() []badCall {
	return slices.Concat(badCounts(), badParams(), badUpdates(), badLists(), badCapabilities())
}

// update is a good topology update.
var update = sparse.Update{Number: 1, Step: 1, PruneRatio: 0.5}

// topology returns one with so many blocks.
func topology(out, in, block, nnzb int) *sparse.Topology {
	t, err := sparse.StartTopology(sparse.Shape{Out: out, In: in, Block: block}, nnzb, 1, 0)
	if err != nil {
		panic("a fault of the test: " + err.Error())
	}
	return t
}

// countMistakes are negative counts, impossible shapes and enumerations.
func badCounts() []badCall {
	act := func(b backend.Backend) backend.Buffer { return b.Alloc("x", b.Activation(), 24) }
	tensor := func(b backend.Backend, out, in int) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "w", Out: out, In: in})
	}
	list := []badCall{
		{"DSD", "t negative", false, func(b, _ backend.Backend) { b.DSD(act(b), nil, act(b), tensor(b, 2, 2), nil, -1) }},
		{"DDS", "t negative", false, func(b, _ backend.Backend) { b.DDS(act(b), act(b), tensor(b, 2, 2), -1, backend.Assign, nil) }},
		{"SDD", "t negative", false, func(b, _ backend.Backend) { b.SDD(tensor(b, 2, 2), nil, act(b), act(b), -1) }},
		{"DDS", "TimesGELU without pre", false, func(b, _ backend.Backend) {
			b.DDS(act(b), act(b), tensor(b, 2, 2), 3, backend.TimesGELU, nil)
		}},
		{"DDS", "no such mode", false, func(b, _ backend.Backend) { b.DDS(act(b), act(b), tensor(b, 2, 2), 3, 9, act(b)) }},
		{"CrossEntropy", "no such loss", false, func(b, _ backend.Backend) {
			b.CrossEntropy(b.Alloc("s", backend.F32, 3), act(b), b.Alloc("l", backend.I32, 3), 3, 4, 9, false)
		}},
		{"Zero", "n negative", false, func(b, _ backend.Backend) { b.Zero(act(b), -1) }},
		{"Zero", "too short", false, func(b, _ backend.Backend) { b.Zero(act(b), 25) }},
		{"Zero", "missing", false, func(b, _ backend.Backend) { b.Zero(nil, 1) }},
		{"Tanh", "n negative", false, func(b, _ backend.Backend) { b.Tanh(act(b), act(b), -1) }},
		{"TanhGrad", "n negative", false, func(b, _ backend.Backend) { b.TanhGrad(act(b), act(b), act(b), -1) }},
		{"GELUGrad", "n negative", false, func(b, _ backend.Backend) { b.GELUGrad(act(b), act(b), act(b), -1) }},
		{"Gather", "n negative", false, func(b, _ backend.Backend) { b.Gather(act(b), act(b), b.Alloc("i", backend.I32, 3), -1, 4) }},
		{"ScatterAdd", "n negative", false, func(b, _ backend.Backend) { b.ScatterAdd(act(b), act(b), b.Alloc("i", backend.I32, 3), -1, 4) }},
		{"Attention", "seq negative", false, func(b, _ backend.Backend) {
			b.Attention(act(b), b.Alloc("lse", backend.F32, 24), act(b), act(b), act(b), b.Alloc("len", backend.I32, 3),
				backend.Attn{Batch: 1, Seq: -1, Heads: 1, Head: 1}, backend.Dropout{})
		}},
		{"Embed", "seq beyond the positions", false, func(b, _ backend.Backend) {
			b.Embed(act(b), b.Alloc("ids", backend.I32, 6), b.Alloc("seg", backend.I32, 6), tensor(b, 2, 4), tensor(b, 2, 4), tensor(b, 2, 4), 6, 3)
		}},
	}
	for _, rate := range []float32{-0.1, 1, float32(math.NaN())} {
		list = append(list, badCall{"DropoutApply", "rate", false, func(b, _ backend.Backend) {
			b.DropoutApply(act(b), act(b), 24, backend.Dropout{Rate: rate})
		}})
	}
	return list
}

// badUpdates are topology updates with a number out of range.
func badUpdates() []badCall {
	var list []badCall
	for name, change := range map[string]func(u *sparse.Update, spec *backend.ParamSpec){
		"number 0":          func(u *sparse.Update, _ *backend.ParamSpec) { u.Number = 0 },
		"negative step":     func(u *sparse.Update, _ *backend.ParamSpec) { u.Step = -1 },
		"ratio above 1":     func(u *sparse.Update, _ *backend.ParamSpec) { u.PruneRatio = 1.5 },
		"ratio NaN":         func(u *sparse.Update, _ *backend.ParamSpec) { u.PruneRatio = math.NaN() },
		"no such norm":      func(u *sparse.Update, _ *backend.ParamSpec) { u.Norm = 3 },
		"no such growth":    func(u *sparse.Update, _ *backend.ParamSpec) { u.Growth = 200 },
		"a negative tensor": func(_ *sparse.Update, spec *backend.ParamSpec) { spec.Index = -1 },
	} {
		list = append(list, badCall{"UpdateTopology", name, false, func(b, _ backend.Backend) {
			u, spec := update, backend.ParamSpec{Name: "w", Out: 16, In: 24, Topology: topology(16, 24, 8, 3)}
			change(&u, &spec)
			b.UpdateTopology([]backend.Param{b.NewParam(spec)}, u)
		}})
	}
	return list
}

// badParams are bad parameters, copies and topologies.
func badParams() []badCall {
	param := func(b backend.Backend, t *sparse.Topology) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "w", Out: 16, In: 24, Topology: t})
	}
	act := func(b backend.Backend, n int) backend.Buffer { return b.Alloc("x", b.Activation(), n) }
	return []badCall{
		{"Alloc", "negative length", false, func(b, _ backend.Backend) { act(b, -1) }},
		{"WriteFloats", "beyond the end", false, func(b, _ backend.Backend) { b.WriteFloats(act(b, 4), 2, make([]float32, 3)) }},
		{"WriteFloats", "before the start", false, func(b, _ backend.Backend) { b.WriteFloats(act(b, 4), -1, make([]float32, 3)) }},
		{"WriteFloats", "missing", false, func(b, _ backend.Backend) { b.WriteFloats(nil, 0, make([]float32, 3)) }},
		{"WriteInts", "beyond the end", false, func(b, _ backend.Backend) { b.WriteInts(b.Alloc("x", backend.I32, 4), 2, make([]int32, 3)) }},
		{"WriteInts", "into floats", false, func(b, _ backend.Backend) { b.WriteInts(act(b, 4), 0, make([]int32, 3)) }},
		{"ReadFloats", "beyond the end", false, func(b, _ backend.Backend) {
			// Sync, which the check asks, must report it too.
			if b.ReadFloats(make([]float32, 3), act(b, 4), 2) == nil {
				panic("ReadFloats returned no error")
			}
		}},
		{"NewParam", "no rows", false, func(b, _ backend.Backend) { b.NewParam(backend.ParamSpec{Name: "w", Out: 0, In: 3}) }},
		{"NewParam", "topology of another shape", false, func(b, _ backend.Backend) { param(b, topology(16, 32, 8, 3)) }},
		{"NewParam", "topology with a block twice", true, func(b, _ backend.Backend) {
			t := topology(16, 24, 8, 3)
			t.Rows[1], t.Cols[1] = t.Rows[0], t.Cols[0]
			t.Index()
			param(b, t)
		}},
		{"SetTopology", "another number of blocks", false, func(b, _ backend.Backend) {
			b.SetTopology(param(b, topology(16, 24, 8, 3)), topology(16, 24, 8, 4))
		}},
		{"SetTopology", "another block size", false, func(b, _ backend.Backend) {
			b.SetTopology(param(b, topology(16, 24, 8, 3)), topology(16, 24, 4, 3))
		}},
		{"SetTopology", "of a dense parameter", false, func(b, _ backend.Backend) { b.SetTopology(param(b, nil), topology(16, 24, 8, 3)) }},
		{"SetTopology", "missing", false, func(b, _ backend.Backend) { b.SetTopology(param(b, topology(16, 24, 8, 3)), nil) }},
		{"SetTopology", "a block twice", true, func(b, _ backend.Backend) {
			t := topology(16, 24, 8, 3)
			t.Rows[1], t.Cols[1] = t.Rows[0], t.Cols[0]
			t.Index()
			b.SetTopology(param(b, topology(16, 24, 8, 3)), t)
		}},
		{"BlockGradL1", "of a dense parameter", false, func(b, _ backend.Backend) { b.BlockGradL1(param(b, nil), act(b, 48), act(b, 72), 3) }},
		{"BlockGradL1", "dy too short", false, func(b, _ backend.Backend) {
			b.BlockGradL1(param(b, topology(16, 24, 8, 3)), act(b, 47), act(b, 72), 3)
		}},
		{"BlockGradL1", "x too short", false, func(b, _ backend.Backend) {
			b.BlockGradL1(param(b, topology(16, 24, 8, 3)), act(b, 48), act(b, 71), 3)
		}},
		{"GrowScores", "of a dense parameter", false, func(b, _ backend.Backend) { b.GrowScores(param(b, nil)) }},
		{"UpdateTopology", "missing", false, func(b, _ backend.Backend) { b.UpdateTopology([]backend.Param{nil}, update) }},
	}
}
