package backend_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/backendtest"
	"github.com/sparsebert/sparsebert-gpu/internal/traffic"
)

// mistake is a bad call. what it returns is nil if the backend says so as it must.
type mistake struct {
	name string
	// find makes the mistake on b. other is another backend.
	find func(b, other backend.Backend) error
}

// mistakes are all of them.
func mistakes() []mistake {
	var list []mistake
	for _, c := range calls() {
		list = append(list, c.mistakes()...)
	}
	for _, m := range badCalls() {
		list = append(list, mistake{m.op + "/" + m.name, func(b, other backend.Backend) error {
			return backendtest.Sticks(b, m.op, !m.vague, func() { m.do(b, other) })
		}})
	}
	return append(list, sharedMistakes()...)
}

// mistakes are a bad buffer or parameter in each place of a call.
func (c call) mistakes() []mistake {
	var list []mistake
	add := func(name string, change func(b, other backend.Backend, a *arguments)) {
		list = append(list, mistake{c.op + "/" + name, func(b, other backend.Backend) error {
			return backendtest.Sticks(b, c.op, true, func() {
				a := c.build(b)
				change(b, other, a)
				c.do(b, a.buffers, a.params)
			})
		}})
	}
	for i, x := range c.buffers {
		if x.n > 0 {
			add(x.name+" too short", func(b, _ backend.Backend, a *arguments) {
				a.buffers[i] = b.Alloc(x.name, x.kind.dtype(b), x.n-1)
			})
		}
		add(x.name+" of a wrong dtype", func(b, _ backend.Backend, a *arguments) {
			wrong := backend.I32
			if x.kind == integers {
				wrong = b.Activation()
			}
			a.buffers[i] = b.Alloc(x.name, wrong, x.n)
		})
		add(x.name+" of another backend", func(_, other backend.Backend, a *arguments) {
			a.buffers[i] = other.Alloc(x.name, x.kind.dtype(other), x.n)
		})
		if !x.optional {
			add(x.name+" missing", func(_, _ backend.Backend, a *arguments) { a.buffers[i] = nil })
		}
	}
	for i, p := range c.params {
		add(p.spec.Name+" of another backend", func(_, other backend.Backend, a *arguments) {
			a.params[i] = other.NewParam(p.spec)
		})
		if !p.optional {
			add(p.spec.Name+" missing", func(_, _ backend.Backend, a *arguments) { a.params[i] = nil })
		}
		if !p.anyShape {
			add(p.spec.Name+" too wide", func(b, _ backend.Backend, a *arguments) {
				spec := p.spec
				spec.In++
				a.params[i] = b.NewParam(spec)
			})
		}
		if !p.anyShape && p.spec.Name != c.weight {
			add(p.spec.Name+" block-sparse", func(b, _ backend.Backend, a *arguments) {
				spec := p.spec
				spec.Topology = topology(spec.Out, spec.In, 1, 1)
				a.params[i] = b.NewParam(spec)
			})
		}
	}
	for _, pair := range c.pairs() {
		if pair.bad {
			add(pair.name+" the same buffer", func(b, _ backend.Backend, a *arguments) { pair.join(b, a) })
		}
	}
	return list
}

// null returns a device that computes nothing, behind the check of arguments.
func null() backend.Backend { return traffic.NewNull(backend.F32) }

// TestMistakes: what is wrong with an argument becomes an error that sticks.
func TestMistakes(t *testing.T) {
	for _, m := range mistakes() {
		if err := m.find(null(), null()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

// TestMistakesAreNoticedByTheCheck: without the check none of them is.
func TestMistakesAreNoticedByTheCheck(t *testing.T) {
	for _, m := range mistakes() {
		if m.find(traffic.NewNull(backend.F32).Device(), null()) == nil {
			t.Errorf("%s: the test passes a backend that checks nothing", m.name)
		}
	}
}

// TestGoodCalls: each call is right but for the mistake, also with a buffer in two
// places where that is allowed, without what is optional, and with counts of 0.
func TestGoodCalls(t *testing.T) {
	for _, c := range calls() {
		good := func(name string, change func(b backend.Backend, a *arguments)) {
			b := null()
			a := c.build(b)
			change(b, a)
			c.do(b, a.buffers, a.params)
			if err := b.Sync(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		good("as it is", func(backend.Backend, *arguments) {})
		for i, x := range c.buffers {
			if x.optional {
				good("without "+x.name, func(_ backend.Backend, a *arguments) { a.buffers[i] = nil })
			}
			good("longer "+x.name, func(b backend.Backend, a *arguments) { a.buffers[i] = b.Alloc(x.name, x.kind.dtype(b), x.n+7) })
		}
		for i, p := range c.params {
			if p.optional {
				good("without "+p.spec.Name, func(_ backend.Backend, a *arguments) { a.params[i] = nil })
			}
		}
		for _, pair := range c.pairs() {
			if !pair.bad {
				good(pair.name+" the same buffer", func(b backend.Backend, a *arguments) { pair.join(b, a) })
			}
		}
	}
}

// TestNothingOf0: a count of 0 is no error, and needs no elements.
func TestNothingOf0(t *testing.T) {
	b := null()
	none := func() backend.Buffer { return b.Alloc("none", b.Activation(), 0) }
	list := func() backend.Buffer { return b.Alloc("none", backend.I32, 0) }
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: 1, In: 4})
	b.DSD(none(), none(), none(), w, nil, 0)
	b.DDS(none(), none(), w, 0, backend.TimesGELU, none())
	b.SDD(w, nil, none(), none(), 0)
	b.Embed(none(), list(), list(), w, w, w, 0, 9)
	b.Gather(none(), none(), list(), 0, 3)
	b.Attention(none(), none(), none(), none(), none(), list(), backend.Attn{Seq: 3, Heads: 1, Head: 1}, backend.Dropout{Rate: 0.5})
	same := none()
	b.Tanh(same, same, 0)
	b.DSD(same, nil, same, w, nil, 0) // no element of it is there twice
	b.ZeroGrad(nil)
	b.UpdateTopology(nil, update)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// TestMessages: one line says which device, which operation, what, what was found and
// what was expected.
func TestMessages(t *testing.T) {
	x := func(b backend.Backend) backend.Buffer { return b.Alloc("embeddings", backend.F32, 5) }
	for want, do := range map[string]func(b backend.Backend){
		"null: Tanh: x (embeddings): found 5 elements, expected at least 6":                                  func(b backend.Backend) { b.Tanh(b.Alloc("y", backend.F32, 6), x(b), 6) },
		"null: Tanh: y (i): found dtype int32, expected float32":                                             func(b backend.Backend) { b.Tanh(b.Alloc("i", backend.I32, 6), x(b), 5) },
		"null: Tanh: x: found none, expected a buffer of this backend":                                       func(b backend.Backend) { b.Tanh(x(b), nil, 5) },
		"null: Tanh: x (embeddings): found one of another backend (null), expected a buffer of this backend": func(b backend.Backend) { b.Tanh(x(b), x(null()), 5) },
		"null: Zero: elements: found -1, expected 0 or more":                                                 func(b backend.Backend) { b.Zero(x(b), -1) },
		"null: WriteFloats: dst (embeddings): found elements 4 to 6, expected a range within 0 to 5":         func(b backend.Backend) { b.WriteFloats(x(b), 4, make([]float32, 2)) },
		"null: DropoutApply: dropout rate: found 1, expected 0 or more and less than 1":                      func(b backend.Backend) { b.DropoutApply(x(b), x(b), 5, backend.Dropout{Rate: 1}) },
		"null: NewParam w: rows: found 0, expected 1 or more":                                                func(b backend.Backend) { b.NewParam(backend.ParamSpec{Name: "w", In: 3}) },
		"null: Alloc x: found dtype 9, expected float32, bfloat16, int32 or float64":                         func(b backend.Backend) { b.Alloc("x", 9, 3) },
	} {
		b := null()
		do(b)
		if err := b.Sync(); fmt.Sprint(err) != want {
			t.Errorf("found %q, expected %q", err, want)
		}
	}
}

// TestCheckAllocatesNothing: valid calls cost no memory.
func TestCheckAllocatesNothing(t *testing.T) {
	for _, c := range calls() {
		b := null()
		a := c.build(b)
		if n := testing.AllocsPerRun(3, func() { c.do(b, a.buffers, a.params) }); n > 0 {
			t.Errorf("%s: found %v allocations a call, expected none", c.op, n)
		}
	}
}

// TestDeviceErrorsComeFirst: an argument does not take the place of an error that the
// device has already, and the other way round.
func TestDeviceErrorsComeFirst(t *testing.T) {
	n := traffic.NewNull(backend.F32)
	first := fmt.Errorf("the cable is out")
	n.Device().Fail(first)
	n.Zero(nil, -1)
	if err := n.Sync(); err != first {
		t.Errorf("found %v, expected the device's error", err)
	}
	n = traffic.NewNull(backend.F32)
	n.Zero(nil, -1)
	first = n.Sync()
	n.Device().Fail(fmt.Errorf("the cable is out"))
	if err := n.Sync(); err == nil || err != first {
		t.Errorf("found %v, expected the argument's error", err)
	}
}

// BenchmarkCheck is what the check of a product takes.
func BenchmarkCheck(bench *testing.B) {
	b := null()
	a := calls()[0].build(b)
	for bench.Loop() {
		b.DSD(a.buffers[0], a.buffers[1], a.buffers[2], a.params[0], a.params[1], 3)
	}
}
