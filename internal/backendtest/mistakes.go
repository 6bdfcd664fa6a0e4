package backendtest

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// mistake is a bad call that is not a bad buffer or parameter.
type mistake struct {
	op, name string
	vague    bool // the message comes from package sparse and may lack "expected"
	do       func(b backend.Backend)
}

func mistakes() []mistake {
	list := append(countMistakes(), valueMistakes()...)
	return append(list, paramMistakes()...)
}

// countMistakes are negative counts, impossible shapes and enumerations.
func countMistakes() []mistake {
	act := func(b backend.Backend) backend.Buffer { return b.Alloc("x", b.Activation(), 24) }
	tensor := func(b backend.Backend, out, in int) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "w", Out: out, In: in})
	}
	list := []mistake{
		{"DSD", "t negative", false, func(b backend.Backend) { b.DSD(act(b), nil, act(b), tensor(b, 2, 2), nil, -1) }},
		{"DDS", "t negative", false, func(b backend.Backend) { b.DDS(act(b), act(b), tensor(b, 2, 2), -1, backend.Assign, nil) }},
		{"SDD", "t negative", false, func(b backend.Backend) { b.SDD(tensor(b, 2, 2), nil, act(b), act(b), -1) }},
		{"DDS", "TimesGELU without pre", false, func(b backend.Backend) {
			b.DDS(act(b), act(b), tensor(b, 2, 2), 3, backend.TimesGELU, nil)
		}},
		{"DDS", "no such mode", false, func(b backend.Backend) { b.DDS(act(b), act(b), tensor(b, 2, 2), 3, 9, act(b)) }},
		{"CrossEntropy", "no such loss", false, func(b backend.Backend) {
			b.CrossEntropy(b.Alloc("s", backend.F32, 3), act(b), b.Alloc("l", backend.I32, 3), 3, 4, 9, false)
		}},
		{"Zero", "n negative", false, func(b backend.Backend) { b.Zero(act(b), -1) }},
		{"Zero", "too short", false, func(b backend.Backend) { b.Zero(act(b), 25) }},
		{"Zero", "missing", false, func(b backend.Backend) { b.Zero(nil, 1) }},
		{"Tanh", "n negative", false, func(b backend.Backend) { b.Tanh(act(b), act(b), -1) }},
		{"TanhGrad", "n negative", false, func(b backend.Backend) { b.TanhGrad(act(b), act(b), act(b), -1) }},
		{"GELUGrad", "n negative", false, func(b backend.Backend) { b.GELUGrad(act(b), act(b), act(b), -1) }},
		{"Gather", "n negative", false, func(b backend.Backend) { b.Gather(act(b), act(b), b.Alloc("i", backend.I32, 3), -1, 4) }},
		{"ScatterAdd", "n negative", false, func(b backend.Backend) { b.ScatterAdd(act(b), act(b), b.Alloc("i", backend.I32, 3), -1, 4) }},
		{"Attention", "seq negative", false, func(b backend.Backend) {
			b.Attention(act(b), b.Alloc("lse", backend.F32, 24), act(b), act(b), act(b), b.Alloc("len", backend.I32, 3),
				backend.Attn{Batch: 1, Seq: -1, Heads: 1, Head: 1}, backend.Dropout{})
		}},
		{"Embed", "seq beyond the positions", false, func(b backend.Backend) {
			b.Embed(act(b), b.Alloc("ids", backend.I32, 6), b.Alloc("seg", backend.I32, 6), tensor(b, 2, 4), tensor(b, 2, 4), tensor(b, 2, 4), 6, 3)
		}},
	}
	for _, rate := range []float32{-0.1, 1, float32(math.NaN())} {
		list = append(list, mistake{"DropoutApply", "rate", false, func(b backend.Backend) {
			b.DropoutApply(act(b), act(b), 24, backend.Dropout{Rate: rate})
		}})
	}
	return list
}

// valueMistakes are integers out of range: element 2 of 3 is bad.
func valueMistakes() []mistake {
	const h = 4
	type words struct {
		act func(name string, n int) backend.Buffer
		row func(name string, n int) backend.Buffer
		bad func(v int32) backend.Buffer
		ok  backend.Buffer
	}
	on := func(b backend.Backend) words {
		return words{
			act: func(name string, n int) backend.Buffer { return b.Alloc(name, b.Activation(), n) },
			row: func(name string, n int) backend.Buffer { return b.Alloc(name, backend.F32, n) },
			bad: func(v int32) backend.Buffer {
				x := b.Alloc("integers", backend.I32, 3)
				b.WriteInts(x, 0, []int32{0, 0, v})
				return x
			},
			ok: b.Alloc("integers", backend.I32, 3),
		}
	}
	table := func(b backend.Backend, rows int) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "table", Out: rows, In: h})
	}
	attn := backend.Attn{Batch: 3, Seq: 2, Heads: 1, Head: h}
	var list []mistake
	add := func(op, name string, do func(b backend.Backend, w words)) {
		list = append(list, mistake{op, name, false, func(b backend.Backend) { do(b, on(b)) }})
	}
	for _, v := range []int32{-1, 5} {
		add("Embed", "id out of range", func(b backend.Backend, w words) {
			b.Embed(w.act("z", 3*h), w.bad(v), w.ok, table(b, 5), table(b, 3), table(b, 2), 3, 3)
		})
		add("EmbedGrad", "id out of range", func(b backend.Backend, w words) {
			b.EmbedGrad(table(b, 5), table(b, 3), table(b, 2), w.act("dz", 3*h), w.bad(v), w.ok, 3, 3)
		})
	}
	for _, v := range []int32{-1, 2} {
		add("Embed", "segment out of range", func(b backend.Backend, w words) {
			b.Embed(w.act("z", 3*h), w.ok, w.bad(v), table(b, 5), table(b, 3), table(b, 2), 3, 3)
		})
	}
	for _, v := range []int32{-1, 3} {
		add("Attention", "length out of range", func(b backend.Backend, w words) {
			n := 3 * 2 * h
			b.Attention(w.act("ctx", n), w.row("lse", n), w.act("q", n), w.act("k", n), w.act("v", n), w.bad(v), attn, backend.Dropout{})
		})
		add("AttentionGrad", "length out of range", func(b backend.Backend, w words) {
			n := 3 * 2 * h
			b.AttentionGrad(w.act("dq", n), w.act("dk", n), w.act("dv", n), w.act("dctx", n), w.act("q", n), w.act("k", n), w.act("v", n),
				w.act("ctx", n), w.row("lse", n), w.bad(v), attn, backend.Dropout{})
		})
	}
	add("Gather", "index out of range", func(b backend.Backend, w words) {
		b.Gather(w.act("dst", 3*h), w.act("src", 2*h), w.bad(2), 3, h)
	})
	add("ScatterAdd", "index out of range", func(b backend.Backend, w words) {
		b.ScatterAdd(w.act("dst", 2*h), w.act("src", 3*h), w.bad(2), 3, h)
	})
	add("CrossEntropy", "label out of range", func(b backend.Backend, w words) {
		b.CrossEntropy(w.row("stats", 3), w.act("logits", 3*h), w.bad(h), 3, h, backend.MLM, true)
	})
	return list
}

// paramMistakes are bad parameters, copies and topologies.
func paramMistakes() []mistake {
	topology := func(out, in, block, nnzb int) *sparse.Topology {
		t, err := sparse.StartTopology(sparse.Shape{Out: out, In: in, Block: block}, nnzb, 1, 0)
		if err != nil {
			panic("backendtest: " + err.Error()) // a fault of the suite
		}
		return t
	}
	param := func(b backend.Backend, t *sparse.Topology) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "w", Out: 16, In: 24, Topology: t})
	}
	act := func(b backend.Backend, n int) backend.Buffer { return b.Alloc("x", b.Activation(), n) }
	update := sparse.Update{Number: 1, Step: 1, PruneRatio: 0.5}
	return []mistake{
		{"Alloc", "negative length", false, func(b backend.Backend) { act(b, -1) }},
		{"WriteFloats", "beyond the end", false, func(b backend.Backend) { b.WriteFloats(act(b, 4), 2, make([]float32, 3)) }},
		{"WriteFloats", "before the start", false, func(b backend.Backend) { b.WriteFloats(act(b, 4), -1, make([]float32, 3)) }},
		{"WriteFloats", "missing", false, func(b backend.Backend) { b.WriteFloats(nil, 0, make([]float32, 3)) }},
		{"WriteInts", "beyond the end", false, func(b backend.Backend) { b.WriteInts(b.Alloc("x", backend.I32, 4), 2, make([]int32, 3)) }},
		{"WriteInts", "into floats", false, func(b backend.Backend) { b.WriteInts(act(b, 4), 0, make([]int32, 3)) }},
		{"ReadFloats", "beyond the end", false, func(b backend.Backend) {
			// Sync, which the check asks, must report it too.
			if b.ReadFloats(make([]float32, 3), act(b, 4), 2) == nil {
				panic("ReadFloats returned no error")
			}
		}},
		{"NewParam", "no rows", false, func(b backend.Backend) { b.NewParam(backend.ParamSpec{Name: "w", Out: 0, In: 3}) }},
		{"NewParam", "topology of another shape", false, func(b backend.Backend) { param(b, topology(16, 32, 8, 3)) }},
		{"NewParam", "topology with a block twice", true, func(b backend.Backend) {
			t := topology(16, 24, 8, 3)
			t.Rows[1], t.Cols[1] = t.Rows[0], t.Cols[0]
			t.Index()
			param(b, t)
		}},
		{"SetTopology", "another number of blocks", false, func(b backend.Backend) {
			b.SetTopology(param(b, topology(16, 24, 8, 3)), topology(16, 24, 8, 4))
		}},
		{"SetTopology", "another block size", false, func(b backend.Backend) {
			b.SetTopology(param(b, topology(16, 24, 8, 3)), topology(16, 24, 4, 3))
		}},
		{"SetTopology", "of a dense parameter", false, func(b backend.Backend) { b.SetTopology(param(b, nil), topology(16, 24, 8, 3)) }},
		{"SetTopology", "missing", false, func(b backend.Backend) { b.SetTopology(param(b, topology(16, 24, 8, 3)), nil) }},
		{"SetTopology", "a block twice", true, func(b backend.Backend) {
			t := topology(16, 24, 8, 3)
			t.Rows[1], t.Cols[1] = t.Rows[0], t.Cols[0]
			t.Index()
			b.SetTopology(param(b, topology(16, 24, 8, 3)), t)
		}},
		{"BlockGradL1", "of a dense parameter", false, func(b backend.Backend) { b.BlockGradL1(param(b, nil), act(b, 48), act(b, 72), 3) }},
		{"BlockGradL1", "dy too short", false, func(b backend.Backend) {
			b.BlockGradL1(param(b, topology(16, 24, 8, 3)), act(b, 47), act(b, 72), 3)
		}},
		{"BlockGradL1", "x too short", false, func(b backend.Backend) {
			b.BlockGradL1(param(b, topology(16, 24, 8, 3)), act(b, 48), act(b, 71), 3)
		}},
		{"GrowScores", "of a dense parameter", false, func(b backend.Backend) { b.GrowScores(param(b, nil)) }},
		{"UpdateTopology", "a weight that is NaN", true, func(b backend.Backend) {
			w := param(b, topology(16, 24, 8, 3))
			b.WriteFloats(w.Values(), 70, []float32{float32(math.NaN())})
			b.UpdateTopology([]backend.Param{w}, update)
		}},
		{"UpdateTopology", "ratio above 1", true, func(b backend.Backend) {
			u := update
			u.PruneRatio = 1.5
			b.UpdateTopology([]backend.Param{param(b, topology(16, 24, 8, 3))}, u)
		}},
		{"UpdateTopology", "missing", false, func(b backend.Backend) { b.UpdateTopology([]backend.Param{nil}, update) }},
		{"AdamW", "a block born after the step", false, func(b backend.Backend) {
			t := topology(16, 24, 8, 3)
			t.Born[2], t.NewAt[2] = int32(defaultStep().Step)+1, 1
			b.BeginStep(defaultStep())
			b.AdamW([]backend.Param{param(b, t)}, b.Alloc("norm", backend.F32, 1), backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6})
		}},
	}
}
