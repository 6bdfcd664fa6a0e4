package backendtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
)

// Device is one of several backends that RunAll looks at.
type Device struct {
	Name string // of its subtests
	// Open returns a new backend with no error on it; it is called once or more per
	// operation, and the suite closes what it opened.
	Open func(t *testing.T) backend.Backend
	Options
}

// Run runs the suite on one device, whose Open is open.
func Run(t *testing.T, open func(t *testing.T) backend.Backend, o Options) {
	t.Helper()
	RunAll(t, Device{Open: open, Options: o})
}

// RunAll runs the suite on several devices, check by check, so that what the reference
// computes for a check, which is most of the work where devices are fast, is computed once
// for all of one dtype. Each operation is a subtest, with one for each device that has a name.
func RunAll(t *testing.T, devices ...Device) {
	t.Helper()
	for _, d := range devices {
		for _, op := range d.Ops {
			if !slices.ContainsFunc(groups(), func(g group) bool { return g.op == op }) {
				t.Errorf("found no checks of %q", op)
			}
		}
	}
	for _, group := range groups() {
		var list []*subject
		for _, d := range devices {
			if d.Ops == nil || slices.Contains(d.Ops, group.op) {
				list = append(list, &subject{Device: d})
			}
		}
		if len(list) > 0 {
			t.Run(group.op, func(t *testing.T) { group.run(t, list) })
		}
	}
}

// subject is a device while a group of checks runs on it.
type subject struct {
	Device
	dev, other *lazy
	skip       string // why it need not pass
	found      []error
}

func (s *subject) open(t *testing.T, g group) {
	s.dev = &lazy{open: func() backend.Backend { return s.Open(t) }}
	s.other = s.dev
	if s.Other != nil {
		s.other = &lazy{open: func() backend.Backend { return s.Other(t) }}
	}
	if g.lacks == nil {
		return
	}
	b, err := s.dev.get()
	if err != nil {
		t.Fatal(err)
	}
	s.skip = g.lacks(b)
}

// run goes through the checks of a group.
func (g group) run(t *testing.T, list []*subject) {
	for _, s := range list {
		s.open(t, g)
	}
	for i, c := range g.checks {
		shared := expectations{}
		for _, s := range list {
			if s.skip != "" || s.OneIn > 0 && i%s.OneIn > 0 {
				continue
			}
			once := s.RepeatOneIn > 0 && i%s.RepeatOneIn > 0
			if err := c.on(s.dev, s.other, once, shared); err != nil {
				s.found = append(s.found, fmt.Errorf("%s: %w", c.name, err))
			}
		}
	}
	for _, s := range list {
		if err := errors.Join(s.dev.close(), s.other.close()); err != nil {
			s.found = append(s.found, fmt.Errorf("closing: %w", err))
		}
		if s.Name == "" {
			s.report(t)
			continue
		}
		t.Run(s.Name, s.report)
	}
}

// report tells of one device.
func (s *subject) report(t *testing.T) {
	for _, err := range s.found {
		t.Error(err)
	}
	if s.skip != "" {
		t.Skip(s.skip)
	}
	if s.OneIn > 0 {
		t.Run("rest", func(t *testing.T) { t.Skipf("one check in %d is made", s.OneIn) })
	}
}

// expectation is a check for one dtype of activations: what to run, and what the reference says.
type expectation struct {
	script script
	want   *harness
}

// expectations are those of one check, made when a device asks for them.
type expectations map[backend.DType]expectation

func (x expectations) of(c check, act backend.DType) (expectation, error) {
	if e, ok := x[act]; ok {
		return e, nil
	}
	s, limit := c.prepare(newDraws(c.name, act))
	e := expectation{s, newHarness(reference.New())}
	if err := e.want.play(s); err != nil {
		return e, fmt.Errorf("the reference backend: %w", err)
	}
	if limit != nil {
		limit(e.want)
	}
	x[act] = e
	return e, nil
}

// run returns an error that says in what the backend fails the check.
func (c check) run(dev, other *lazy) error { return c.on(dev, other, false, expectations{}) }

// on is run, with the expectations of earlier devices; once: not a second time.
func (c check) on(dev, other *lazy, once bool, shared expectations) error {
	b, err := dev.get()
	if err != nil {
		return err
	}
	second, err := other.get()
	if err != nil {
		return err
	}
	if c.whole != nil {
		return c.whole(b, second)
	}
	e, err := shared.of(c, b.Activation())
	if err != nil {
		return err
	}
	got := newHarness(b)
	if err := got.play(e.script); err != nil || got.refused {
		return err
	}
	if err := got.compare(e.want); err != nil || once {
		return err
	}
	again := newHarness(second)
	if err := again.play(e.script); err != nil {
		return fmt.Errorf("the other backend: %w", err)
	}
	return again.sameBits(got)
}

// lazy opens a backend when there is none, or when the last one has an error.
type lazy struct {
	open func() backend.Backend
	b    backend.Backend
}

func (l *lazy) get() (backend.Backend, error) {
	if l.b != nil && l.b.Sync() != nil {
		if err := l.close(); err != nil {
			return nil, fmt.Errorf("closing a backend that has an error: %w", err)
		}
	}
	if l.b == nil {
		l.b = l.open()
		if err := l.b.Sync(); err != nil {
			return nil, fmt.Errorf("a new backend: found the error %q, expected none", err)
		}
	}
	return l.b, nil
}

func (l *lazy) close() error {
	if l.b == nil {
		return nil
	}
	b := l.b
	l.b = nil
	return b.Close()
}
