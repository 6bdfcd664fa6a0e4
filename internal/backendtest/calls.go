package backendtest

import "github.com/sparsebert/sparsebert-gpu/backend"

// calls lists a small good call of every operation that takes buffers or
// parameters: 3 tokens (or 2 sequences of 3), 4 outputs, 6 inputs.
func calls() []call {
	const t, o, i = 3, 4, 6
	act := func(name string, n int) bufferArg { return bufferArg{name: name, n: n} }
	row := func(name string, n int) bufferArg { return bufferArg{name: name, kind: float32s, n: n} }
	ints := func(name string, n int) bufferArg { return bufferArg{name: name, kind: integers, n: n} }
	maybe := func(x bufferArg) bufferArg { x.optional = true; return x }
	tensor := func(name string, out, in int) paramArg {
		return paramArg{spec: backend.ParamSpec{Name: name, Out: out, In: in}}
	}
	weight, anyTensor := tensor("w", o, i), tensor("w", o, i)
	anyTensor.anyShape = true
	bias := tensor("bias", 1, o)
	bias.optional = true
	tables := []paramArg{tensor("word", 5, i), tensor("pos", t, i), tensor("typ", 2, i)}
	vectors := []paramArg{tensor("gamma", 1, i), tensor("beta", 1, i)}
	attn := backend.Attn{Batch: 2, Seq: t, Heads: 2, Head: 2}
	const n = 2 * t * 2 * 2
	type (
		bufs   = []backend.Buffer
		params = []backend.Param
	)
	return []call{
		{"DSD", []bufferArg{act("y", t*o), maybe(act("pre", t*o)), act("x", t*i)}, []paramArg{weight, bias},
			func(b backend.Backend, x bufs, p params) { b.DSD(x[0], x[1], x[2], p[0], p[1], t) }},
		{"DDS", []bufferArg{act("dx", t*i), act("dy", t*o), act("pre", t*i)}, []paramArg{weight},
			func(b backend.Backend, x bufs, p params) { b.DDS(x[0], x[1], p[0], t, backend.TimesGELU, x[2]) }},
		{"SDD", []bufferArg{act("dy", t*o), act("x", t*i)}, []paramArg{weight, bias},
			func(b backend.Backend, x bufs, p params) { b.SDD(p[0], p[1], x[0], x[1], t) }},
		{"Embed", []bufferArg{act("z", t*i), ints("ids", t), ints("segments", t)}, tables,
			func(b backend.Backend, x bufs, p params) { b.Embed(x[0], x[1], x[2], p[0], p[1], p[2], t, t) }},
		{"EmbedGrad", []bufferArg{act("dz", t*i), ints("ids", t), ints("segments", t)}, tables,
			func(b backend.Backend, x bufs, p params) { b.EmbedGrad(p[0], p[1], p[2], x[0], x[1], x[2], t, t) }},
		{"AddNorm", []bufferArg{act("y", t*i), act("z", t*i), row("mean", t), row("rstd", t), act("residual", t*i), maybe(act("sub", t*i))}, vectors,
			func(b backend.Backend, x bufs, p params) {
				b.AddNorm(x[0], x[1], x[2], x[3], x[4], x[5], p[0], p[1], t, backend.Dropout{})
			}},
		{"AddNormGrad", []bufferArg{act("dresidual", t*i), maybe(act("dsub", t*i)), act("dy", t*i), act("z", t*i), row("mean", t), row("rstd", t)}, vectors,
			func(b backend.Backend, x bufs, p params) {
				b.AddNormGrad(x[0], x[1], x[2], x[3], x[4], x[5], p[0], p[1], t, backend.Dropout{})
			}},
		{"DropoutApply", []bufferArg{act("y", o), act("x", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.DropoutApply(x[0], x[1], o, backend.Dropout{}) }},
		{"Attention", []bufferArg{act("ctx", n), row("lse", 2*2*t), act("q", n), act("k", n), act("v", n), ints("lengths", 2)}, nil,
			func(b backend.Backend, x bufs, _ params) {
				b.Attention(x[0], x[1], x[2], x[3], x[4], x[5], attn, backend.Dropout{})
			}},
		{"AttentionGrad", []bufferArg{act("dq", n), act("dk", n), act("dv", n), act("dctx", n), act("q", n), act("k", n), act("v", n), act("ctx", n), row("lse", 2*2*t), ints("lengths", 2)}, nil,
			func(b backend.Backend, x bufs, _ params) {
				b.AttentionGrad(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], attn, backend.Dropout{})
			}},
		{"Gather", []bufferArg{act("dst", t*i), act("src", i), ints("index", t)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.Gather(x[0], x[1], x[2], t, i) }},
		{"ScatterAdd", []bufferArg{act("dst", i), act("src", t*i), ints("index", t)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.ScatterAdd(x[0], x[1], x[2], t, i) }},
		{"Tanh", []bufferArg{act("y", o), act("x", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.Tanh(x[0], x[1], o) }},
		{"TanhGrad", []bufferArg{act("dx", o), act("dy", o), act("y", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.TanhGrad(x[0], x[1], x[2], o) }},
		{"GELUGrad", []bufferArg{act("dx", o), act("dy", o), act("pre", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.GELUGrad(x[0], x[1], x[2], o) }},
		{"CrossEntropy", []bufferArg{row("stats", 3), act("logits", t*o), ints("labels", t)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.CrossEntropy(x[0], x[1], x[2], t, o, backend.MLM, true) }},
		{"ZeroGrad", nil, []paramArg{anyTensor}, func(b backend.Backend, _ bufs, p params) { b.ZeroGrad(p) }},
		{"GradNorm", []bufferArg{row("norm", 1)}, []paramArg{anyTensor},
			func(b backend.Backend, x bufs, p params) { b.GradNorm(x[0], p) }},
		{"AdamW", []bufferArg{row("norm", 1)}, []paramArg{anyTensor},
			func(b backend.Backend, x bufs, p params) {
				b.AdamW(p, x[0], backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6})
			}},
		{"Refresh", nil, []paramArg{anyTensor}, func(b backend.Backend, _ bufs, p params) { b.Refresh(p) }},
	}
}
