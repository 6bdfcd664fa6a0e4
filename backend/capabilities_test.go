package backend_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// badLists are parameters that are listed twice, or not at all where one is needed.
func badLists() []badCall {
	w := func(b backend.Backend) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "w", Out: 8, In: 8, Topology: topology(8, 8, 4, 2)})
	}
	vector := func(b backend.Backend) backend.Param { return b.NewParam(backend.ParamSpec{Name: "v", Out: 1, In: 8}) }
	act := func(b backend.Backend) backend.Buffer { return b.Alloc("x", b.Activation(), 24) }
	ids := func(b backend.Backend) backend.Buffer { return b.Alloc("ids", backend.I32, 3) }
	row := func(b backend.Backend) backend.Buffer { return b.Alloc("row", backend.F32, 3) }
	twice := func(b backend.Backend) []backend.Param {
		p, q := w(b), vector(b)
		return []backend.Param{p, q, p}
	}
	return []badCall{
		{"ZeroGrad", "a parameter twice", false, func(b, _ backend.Backend) { b.ZeroGrad(twice(b)) }},
		{"GradNorm", "a parameter twice", false, func(b, _ backend.Backend) { b.GradNorm(row(b), twice(b)) }},
		{"AdamW", "a parameter twice", false, func(b, _ backend.Backend) { b.AdamW(twice(b), row(b), backend.AdamConfig{}) }},
		{"UpdateTopology", "a parameter twice", false, func(b, _ backend.Backend) { b.UpdateTopology(twice(b), update) }},
		{"UpdateStats", "missing", false, func(b, _ backend.Backend) {
			if _, err := b.UpdateStats([]backend.Param{w(b), nil}); err == nil {
				panic("UpdateStats returned no error")
			}
		}},
		{"UpdateStats", "of another backend", false, func(b, other backend.Backend) {
			if _, err := b.UpdateStats([]backend.Param{w(other)}); err == nil {
				panic("UpdateStats returned no error")
			}
		}},
		{"SDD", "the weight is its bias", false, func(b, _ backend.Backend) {
			p := vector(b)
			b.SDD(p, b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: 1}), act(b), act(b), 3) // right
			q := b.NewParam(backend.ParamSpec{Name: "q", Out: 1, In: 1})
			b.SDD(q, q, act(b), act(b), 3)
		}},
		{"EmbedGrad", "two tables the same", false, func(b, _ backend.Backend) {
			p := vector(b)
			b.EmbedGrad(vector(b), p, p, act(b), ids(b), ids(b), 3, 1)
		}},
		{"AddNormGrad", "gamma is beta", false, func(b, _ backend.Backend) {
			p := vector(b)
			b.AddNormGrad(act(b), nil, act(b), act(b), row(b), row(b), p, p, 3, backend.Dropout{})
		}},
	}
}

// badCapabilities are mistakes in the calls of what a device has besides, but for
// those of sharedMistakes.
func badCapabilities() []badCall {
	dense := func(b backend.Backend) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "dense", Out: 8, In: 8})
	}
	blocks := func(b backend.Backend) backend.Param {
		return b.NewParam(backend.ParamSpec{Name: "sparse", Out: 8, In: 8, Topology: topology(8, 8, 4, 2)})
	}
	broken := func() *sparse.Topology {
		t := topology(8, 8, 4, 2)
		t.Rows[0] = 99
		return t
	}
	list := []badCall{
		{"Record", "a name that cannot be compared", false, func(b, _ backend.Backend) {
			b.Capabilities().Recorder.Record([]int{1}, func() {})
		}},
		{"Record", "no name", false, func(b, _ backend.Backend) { b.Capabilities().Recorder.Record(nil, func() {}) }},
		{"AllocRows", "no columns", false, func(b, _ backend.Backend) { b.Capabilities().Rows.AllocRows("x", b.Activation(), 3, 0) }},
		{"AllocRows", "rows negative", false, func(b, _ backend.Backend) { b.Capabilities().Rows.AllocRows("x", b.Activation(), -1, 4) }},
		{"AllocRows", "not of activations", false, func(b, _ backend.Backend) { b.Capabilities().Rows.AllocRows("x", backend.I32, 3, 4) }},
		{"Tanh", "rows", false, func(b, _ backend.Backend) {
			x := b.Capabilities().Rows.AllocRows("x", b.Activation(), 3, 8)
			b.Tanh(x, x, 24)
		}},
		{"DSD", "rows of another length", false, func(b, _ backend.Backend) {
			b.DSD(b.Capabilities().Rows.AllocRows("y", b.Activation(), 4, 6), nil, b.Alloc("x", b.Activation(), 24), dense(b), nil, 3)
		}},
		{"DSD", "rows beside pre", false, func(b, _ backend.Backend) {
			x, pre := b.Alloc("x", b.Activation(), 24), b.Alloc("pre", b.Activation(), 24)
			b.DSD(b.Capabilities().Rows.AllocRows("y", b.Activation(), 3, 8), pre, x, dense(b), nil, 3)
		}},
		{"SDD", "rows beside a sparse tensor", false, func(b, _ backend.Backend) {
			b.SDD(blocks(b), nil, b.Capabilities().Rows.AllocRows("dy", b.Activation(), 3, 8), b.Alloc("x", b.Activation(), 24), 3)
		}},
		{"DDS", "too few rows", false, func(b, _ backend.Backend) {
			b.DDS(b.Alloc("dx", b.Activation(), 24), b.Capabilities().Rows.AllocRows("dy", b.Activation(), 2, 8), dense(b), 3, backend.Assign, nil)
		}},
		{"Record", "no work", false, func(b, _ backend.Backend) { b.Capabilities().Recorder.Record("name", nil) }},
	}
	for op, do := range map[string]func(b backend.Backend, p backend.Param, t *sparse.Topology){
		"Restrict": func(b backend.Backend, p backend.Param, t *sparse.Topology) {
			b.Capabilities().Restricter.Restrict(p, t)
		},
		"KeepOnly": func(b backend.Backend, p backend.Param, t *sparse.Topology) {
			b.Capabilities().Restricter.KeepOnly(p, t)
		},
	} {
		list = append(list,
			badCall{op, "a sparse tensor", false, func(b, _ backend.Backend) { do(b, blocks(b), topology(8, 8, 4, 2)) }},
			badCall{op, "another shape", false, func(b, _ backend.Backend) { do(b, dense(b), topology(4, 12, 4, 2)) }},
			badCall{op, "a broken topology", false, func(b, _ backend.Backend) { do(b, dense(b), broken()) }},
			badCall{op, "no parameter", false, func(b, _ backend.Backend) { do(b, nil, topology(8, 8, 4, 2)) }},
			badCall{op, "a parameter of another backend", false, func(b, other backend.Backend) { do(b, dense(other), topology(8, 8, 4, 2)) }},
		)
	}
	return append(list, badCall{"KeepOnly", "no topology", false, func(b, _ backend.Backend) {
		b.Capabilities().Restricter.KeepOnly(dense(b), nil)
	}})
}

// sharedOperands are those of three weights.
type sharedOperands struct {
	w, b  []backend.Param
	x, dx backend.Buffer
	y     []backend.Buffer
}

// The sizes of sharedOperands.
const sharedTokens, sharedOut, sharedIn = 3, 16, 32

func newSharedOperands(b backend.Backend, block int) *sharedOperands {
	a := &sharedOperands{x: b.Alloc("x", b.Activation(), sharedTokens*sharedIn), dx: b.Alloc("dx", b.Activation(), sharedTokens*sharedIn)}
	for range 3 {
		spec := backend.ParamSpec{Name: "w", Out: sharedOut, In: sharedIn}
		if block > 0 {
			spec.Topology = topology(sharedOut, sharedIn, block, 1)
		}
		a.w = append(a.w, b.NewParam(spec))
		a.b = append(a.b, b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: sharedOut}))
		a.y = append(a.y, b.Alloc("y", b.Activation(), sharedTokens*sharedOut))
	}
	return a
}

var sharedCalls = map[string]func(s backend.SharedInput, a *sharedOperands){
	"DSDShared": func(s backend.SharedInput, a *sharedOperands) { s.DSDShared(a.y, a.x, a.w, a.b, sharedTokens) },
	"DDSShared": func(s backend.SharedInput, a *sharedOperands) { s.DDSShared(a.dx, a.y, a.w, sharedTokens) },
	"SDDShared": func(s backend.SharedInput, a *sharedOperands) { s.SDDShared(a.w, a.b, a.y, a.x, sharedTokens) },
}

// sharedMistakes are bad lists of weights and of their operands.
func sharedMistakes() []mistake {
	var list []mistake
	for _, m := range []struct {
		name   string
		only   string // the operation, where not all have the rule
		change func(b, other backend.Backend, a *sharedOperands)
	}{
		{"no weights", "", func(_, _ backend.Backend, a *sharedOperands) { a.w, a.b, a.y = nil, nil, nil }},
		{"one buffer too few", "", func(_, _ backend.Backend, a *sharedOperands) { a.y = a.y[:2] }},
		{"one bias too few", "DSDShared", func(_, _ backend.Backend, a *sharedOperands) { a.b = a.b[:2] }},
		{"another shape", "", func(b, _ backend.Backend, a *sharedOperands) {
			a.w[2] = b.NewParam(backend.ParamSpec{Name: "w", Out: sharedIn, In: sharedOut})
		}},
		{"a weight missing", "", func(_, _ backend.Backend, a *sharedOperands) { a.w[1] = nil }},
		{"a weight of another backend", "", func(_, other backend.Backend, a *sharedOperands) {
			a.w[0] = other.NewParam(backend.ParamSpec{Name: "w", Out: sharedOut, In: sharedIn})
		}},
		{"a weight twice", "SDDShared", func(_, _ backend.Backend, a *sharedOperands) { a.w[2] = a.w[0] }},
		{"a bias twice", "SDDShared", func(_, _ backend.Backend, a *sharedOperands) { a.b[2] = a.b[0] }},
		{"a bias of another length", "SDDShared", func(b, _ backend.Backend, a *sharedOperands) {
			a.b[1] = b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: sharedOut + 1})
		}},
		{"a buffer missing", "", func(_, _ backend.Backend, a *sharedOperands) { a.y[2] = nil }},
		{"a buffer too short", "", func(b, _ backend.Backend, a *sharedOperands) {
			a.y[1] = b.Alloc("y", b.Activation(), sharedTokens*sharedOut-1)
		}},
		{"a result twice", "DSDShared", func(_, _ backend.Backend, a *sharedOperands) { a.y[2] = a.y[0] }},
		{"the result is an input", "DSDShared", func(b, _ backend.Backend, a *sharedOperands) { a.y[1] = a.x }},
		{"the sum is an input", "DDSShared", func(b, _ backend.Backend, a *sharedOperands) { a.y[1] = a.dx }},
		{"the shared tensor missing", "", func(_, _ backend.Backend, a *sharedOperands) { a.x, a.dx = nil, nil }},
		{"the shared tensor too short", "", func(b, _ backend.Backend, a *sharedOperands) {
			a.x = b.Alloc("x", b.Activation(), sharedTokens*sharedIn-1)
			a.dx = a.x
		}},
	} {
		for op, do := range sharedCalls {
			if m.only != "" && m.only != op {
				continue
			}
			for _, block := range []int{0, 16} {
				list = append(list, mistake{fmt.Sprintf("%s/%s/B=%d", op, m.name, block), func(b, other backend.Backend) error {
					return backendtest.Sticks(b, op, true, func() {
						a := newSharedOperands(b, block)
						m.change(b, other, a)
						do(b.Capabilities().SharedInput, a)
					})
				}})
			}
		}
	}
	return list
}

// TestGoodSharedCalls: they are right but for the mistakes, with biases, without some
// and without all.
func TestGoodSharedCalls(t *testing.T) {
	for op, do := range sharedCalls {
		for _, change := range []func(a *sharedOperands){
			func(*sharedOperands) {},
			func(a *sharedOperands) { a.b = nil },
			func(a *sharedOperands) { a.b[0], a.b[2] = nil, nil },
		} {
			b := null()
			a := newSharedOperands(b, 16)
			change(a)
			do(b.Capabilities().SharedInput, a)
			if err := b.Sync(); err != nil {
				t.Errorf("%s: %v", op, err)
			}
		}
	}
}

// TestCapabilities: a backend has what its device has, and no more.
func TestCapabilities(t *testing.T) {
	all := null().Capabilities()
	if all.Recorder == nil || all.SharedInput == nil || all.Restricter == nil || all.Rows == nil || !all.Valueless || all.Planner != nil {
		t.Errorf("found %+v, expected all but a Planner", all)
	}
	some := reference.New().Capabilities()
	if some.Recorder != nil || some.SharedInput != nil || some.Restricter == nil || some.Valueless || some.Planner != nil || some.Rows != nil || some.Sharder == nil || all.Sharder != nil {
		t.Errorf("found %+v, expected a Restricter and a Sharder alone", some)
	}
}

// TestRecord: work runs in any case, once.
func TestRecord(t *testing.T) {
	for _, b := range []backend.Backend{null(), reference.New()} {
		runs := 0
		backend.Record(b, "name", func() { runs++ })
		if runs != 1 || b.Sync() != nil {
			t.Errorf("%s: found %d runs and %v, expected one and no error", b.Name(), runs, b.Sync())
		}
	}
}
