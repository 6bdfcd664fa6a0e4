package backendtest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

// mistakeChecks make every mistake in every argument of every call, each on a
// backend without an error, and look at the error that must stick.
func mistakeChecks() []check {
	var list []check
	for _, c := range calls() {
		add := func(name string, change func(b, other backend.Backend, a *arguments)) {
			list = append(list, check{name: c.op + "/" + name, whole: func(b, other backend.Backend) error {
				return sticks(b, c.op, true, func() {
					a := c.build(b)
					change(b, foreign(b, other), a)
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
		}
	}
	for _, m := range mistakes() {
		list = append(list, check{name: m.op + "/" + m.name, whole: func(b, _ backend.Backend) error {
			return sticks(b, m.op, !m.vague, func() { m.do(b) })
		}})
	}
	return list
}

// foreign returns a backend that is not b, of the same kind where there is one.
func foreign(b, other backend.Backend) backend.Backend {
	if other == b {
		return reference.New()
	}
	return other
}

// sticks makes the mistake, which must not panic, and returns an error unless
// Sync then says in one line what was found and what was expected, and keeps
// saying so whatever comes later.
func sticks(b backend.Backend, op string, precise bool, mistake func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("found a panic (%v), expected an error that sticks", p)
		}
	}()
	mistake()
	first := b.Sync()
	if first == nil {
		return errors.New("found no error from Sync, expected one")
	}
	words := []string{op}
	if precise {
		words = append(words, "found", "expected")
	}
	for _, w := range words {
		if !strings.Contains(first.Error(), w) {
			return fmt.Errorf("found the error %q, expected one with the word %q", first, w)
		}
	}
	if strings.Contains(first.Error(), "\n") {
		return fmt.Errorf("found the error %q, expected one line", first)
	}
	// Good and bad calls after it change nothing, and reads report it.
	good := b.Alloc("good", b.Activation(), 4)
	w := b.NewParam(backend.ParamSpec{Name: "good", Out: 1, In: 4})
	b.WriteFloats(good, 0, make([]float32, 4))
	b.Zero(good, 4)
	b.DSD(good, nil, good, w, nil, -1)
	if again := b.Sync(); again == nil || again.Error() != first.Error() {
		return fmt.Errorf("found the error %v after later calls, expected the first one, %q", again, first)
	}
	if err := b.ReadFloats(make([]float32, 4), good, 0); err == nil {
		return errors.New("found no error from ReadFloats after a failed operation, expected the first one")
	}
	if _, err := b.Topology(w); err == nil {
		return errors.New("found no error from Topology after a failed operation, expected the first one")
	}
	if _, err := b.UpdateStats(nil); err == nil {
		return errors.New("found no error from UpdateStats after a failed operation, expected the first one")
	}
	return nil
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
	buffers []bufferArg
	params  []paramArg
	do      func(b backend.Backend, x []backend.Buffer, p []backend.Param)
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

// goodCallChecks run each of those calls as it is, so that the mistakes are
// known to be what makes them fail.
func goodCallChecks() []check {
	var list []check
	for _, c := range calls() {
		list = append(list, check{name: c.op, whole: func(b, _ backend.Backend) error {
			a := c.build(b)
			c.do(b, a.buffers, a.params)
			return b.Sync()
		}})
	}
	return list
}
