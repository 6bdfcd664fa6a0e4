package backend_test

import (
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// calls lists a small good call of every operation that takes buffers or
// parameters: 3 tokens (or 2 sequences of 3), 4 outputs, 6 inputs. The device computes
// nothing, so the table that an index names may have no rows.
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
		{"DSD", "w", "y pre", "", []bufferArg{act("y", t*o), maybe(act("pre", t*o)), act("x", t*i)}, []paramArg{weight, bias},
			func(b backend.Backend, x bufs, p params) { b.DSD(x[0], x[1], x[2], p[0], p[1], t) }},
		{"DDS", "w", "dx", "dx=pre", []bufferArg{act("dx", t*i), act("dy", t*o), act("pre", t*i)}, []paramArg{weight},
			func(b backend.Backend, x bufs, p params) { b.DDS(x[0], x[1], p[0], t, backend.TimesGELU, x[2]) }},
		{"SDD", "w", "", "", []bufferArg{act("dy", t*o), act("x", t*i)}, []paramArg{weight, bias},
			func(b backend.Backend, x bufs, p params) { b.SDD(p[0], p[1], x[0], x[1], t) }},
		{"Embed", "", "z", "", []bufferArg{act("z", t*i), ints("ids", t), ints("segments", t)}, tables,
			func(b backend.Backend, x bufs, p params) { b.Embed(x[0], x[1], x[2], p[0], p[1], p[2], t, t) }},
		{"EmbedGrad", "", "", "", []bufferArg{act("dz", t*i), ints("ids", t), ints("segments", t)}, tables,
			func(b backend.Backend, x bufs, p params) { b.EmbedGrad(p[0], p[1], p[2], x[0], x[1], x[2], t, t) }},
		{"AddNorm", "", "y z mean rstd", "z=residual z=sub", []bufferArg{act("y", t*i), act("z", t*i), row("mean", t), row("rstd", t), act("residual", t*i), maybe(act("sub", t*i)), maybe(ints("kept", t*backend.KeptWords(i)))}, vectors,
			func(b backend.Backend, x bufs, p params) {
				b.AddNorm(x[0], x[1], x[2], x[3], x[4], x[5], p[0], p[1], t, backend.Dropout{Kept: x[6]})
			}},
		{"AddNormGrad", "", "dresidual dsub", "dresidual=dy", []bufferArg{act("dresidual", t*i), maybe(act("dsub", t*i)), act("dy", t*i), act("z", t*i), row("mean", t), row("rstd", t), maybe(ints("kept", t*backend.KeptWords(i)))}, vectors,
			func(b backend.Backend, x bufs, p params) {
				b.AddNormGrad(x[0], x[1], x[2], x[3], x[4], x[5], p[0], p[1], t, backend.Dropout{Kept: x[6]})
			}},
		{"DropoutApply", "", "y", "y=x", []bufferArg{act("y", o), act("x", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.DropoutApply(x[0], x[1], o, backend.Dropout{}) }},
		{"Attention", "", "ctx lse kept", "", []bufferArg{act("ctx", n), row("lse", 2*2*t), act("q", n), act("k", n), act("v", n), ints("lengths", 2), maybe(ints("kept", 2*2*t))}, nil,
			func(b backend.Backend, x bufs, _ params) {
				b.Attention(x[0], x[1], x[2], x[3], x[4], x[5], attn, backend.Dropout{Kept: x[6]})
			}},
		{"AttentionGrad", "", "dq dk dv", "", []bufferArg{act("dq", n), act("dk", n), act("dv", n), act("dctx", n), act("q", n), act("k", n), act("v", n), act("ctx", n), row("lse", 2*2*t), ints("lengths", 2), maybe(ints("kept", 2*2*t))}, nil,
			func(b backend.Backend, x bufs, _ params) {
				b.AttentionGrad(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], attn, backend.Dropout{Kept: x[10]})
			}},
		{"Gather", "", "dst", "", []bufferArg{act("dst", t*i), act("src", 0), ints("index", t)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.Gather(x[0], x[1], x[2], t, i) }},
		{"ScatterAdd", "", "dst", "", []bufferArg{act("dst", 0), act("src", t*i), ints("index", t)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.ScatterAdd(x[0], x[1], x[2], t, i) }},
		{"Tanh", "", "y", "y=x", []bufferArg{act("y", o), act("x", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.Tanh(x[0], x[1], o) }},
		{"TanhGrad", "", "dx", "dx=dy dx=y", []bufferArg{act("dx", o), act("dy", o), act("y", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.TanhGrad(x[0], x[1], x[2], o) }},
		{"GELUGrad", "", "dx", "dx=dy dx=pre", []bufferArg{act("dx", o), act("dy", o), act("pre", o)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.GELUGrad(x[0], x[1], x[2], o) }},
		{"CrossEntropy", "", "stats logits", "", []bufferArg{row("stats", 3), act("logits", t*o), ints("labels", t)}, nil,
			func(b backend.Backend, x bufs, _ params) { b.CrossEntropy(x[0], x[1], x[2], t, o, backend.MLM, true) }},
		{"ZeroGrad", "", "", "", nil, []paramArg{anyTensor}, func(b backend.Backend, _ bufs, p params) { b.ZeroGrad(p) }},
		{"GradNorm", "", "norm", "", []bufferArg{row("norm", 1)}, []paramArg{anyTensor},
			func(b backend.Backend, x bufs, p params) { b.GradNorm(x[0], p) }},
		{"AdamW", "", "", "", []bufferArg{row("norm", 1)}, []paramArg{anyTensor},
			func(b backend.Backend, x bufs, p params) {
				b.AdamW(p, x[0], backend.AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6})
			}},
		{"Refresh", "", "", "", nil, []paramArg{anyTensor}, func(b backend.Backend, _ bufs, p params) { b.Refresh(p) }},
	}
}

// kind of buffer.
type kind uint8

const (
	activations kind = iota
	float32s
	integers
)

func (k kind) dtype(b backend.Backend) backend.DType {
	return map[kind]backend.DType{activations: b.Activation(), float32s: backend.F32, integers: backend.I32}[k]
}

// bufferArg and paramArg describe arguments of a good call.
type bufferArg struct {
	name     string
	kind     kind
	n        int // least length
	optional bool
}

type paramArg struct {
	spec               backend.ParamSpec
	optional, anyShape bool
}

// call is a good call of an operation; all integers are 0.
type call struct {
	op      string
	weight  string // the parameter that may be block-sparse; "": none
	outputs string // names of the buffers that are changed, with spaces
	inPlace string // pairs "output=other" that may be one buffer
	buffers []bufferArg
	params  []paramArg
	do      func(b backend.Backend, x []backend.Buffer, p []backend.Param)
}

// pair is two buffers of a call that have one dtype on a backend whose activations are
// float32.
type pair struct {
	name string
	i, j int
	n    int  // elements that suffice for both
	bad  bool // they must differ
}

// pairs are all of a call.
func (c call) pairs() []pair {
	outputs, inPlace := strings.Fields(c.outputs), strings.Fields(c.inPlace)
	var list []pair
	for j, y := range c.buffers {
		for i, x := range c.buffers[:j] {
			if (x.kind == integers) != (y.kind == integers) {
				continue
			}
			bad := slices.Contains(outputs, x.name) || slices.Contains(outputs, y.name)
			if slices.Contains(inPlace, x.name+"="+y.name) || slices.Contains(inPlace, y.name+"="+x.name) {
				bad = false
			}
			list = append(list, pair{x.name + " and " + y.name, i, j, max(x.n, y.n), bad})
		}
	}
	return list
}

// join puts one buffer in both places.
func (p pair) join(b backend.Backend, a *arguments) {
	a.buffers[p.i] = b.Alloc("both", a.buffers[p.i].DType(), p.n)
	a.buffers[p.j] = a.buffers[p.i]
}

// arguments are those of one call on one backend.
type arguments struct {
	buffers []backend.Buffer
	params  []backend.Param
}

func (c call) build(b backend.Backend) *arguments {
	a := new(arguments)
	for _, x := range c.buffers {
		a.buffers = append(a.buffers, b.Alloc(x.name, x.kind.dtype(b), x.n))
	}
	for _, p := range c.params {
		a.params = append(a.params, b.NewParam(p.spec))
	}
	return a
}
