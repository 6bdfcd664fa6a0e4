package sweep

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Run is one training run of a sweep.
type Run struct {
	Name  string // its folder under runs/
	Group string
	// Config is the run's own, unresolved. The learning rate of a run that waits for
	// a choice is not in it yet.
	Config train.Config

	choice    *choice // nil: nothing is tuned
	candidate bool    // it tries a learning rate for its choice
}

// Candidate tells whether the run tries a learning rate for others.
func (r *Run) Candidate() bool { return r.candidate }

// role is what a result of the run says of it.
func (r *Run) role() string {
	if r.candidate {
		return RoleCandidate
	}
	return RoleRun
}

// Waits tells whether the run's learning rate is chosen by other runs.
func (r *Run) Waits() bool { return r.choice != nil && !r.candidate }

// choice is one choice of a learning rate.
type choice struct {
	candidates []*Run
	best       *Run // nil: not chosen yet
}

// Runs crosses all groups' lists, in order, the last list of a group fastest.
// change is applied to every run's configuration last, and may be nil. Errors are
// train.ErrUsage. The configurations are not checked yet: see Sweep.Check.
func (f *File) Runs(change func(*train.Config)) ([]*Run, error) {
	var out []*Run
	names := map[string]bool{}
	for i := range f.Groups {
		runs, err := f.Groups[i].runs(maxRuns - len(out))
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			// Two groups a and a-b can meet in one name.
			if names[strings.ToLower(r.Name)] {
				return nil, usage.Errorf("group %s: found a second run %s, expected each name once; call one of the groups another name", r.Group, r.Name)
			}
			names[strings.ToLower(r.Name)] = true
			if len(r.Name) > maxName {
				return nil, usage.Errorf("group %s: found a run whose name has %d letters, expected at most %d; cross fewer lists or shorter values: %s", r.Group, len(r.Name), maxName, r.Name)
			}
			f.anchor(&r.Config)
			if change != nil {
				change(&r.Config)
			}
			if r.candidate {
				r.Config.Test = nil // it is measured once, by the runs that are reported
			}
		}
		out = append(out, runs...)
	}
	return out, nil
}

// anchor makes the paths of the data, and of the weights to start from, start from
// the file's folder.
func (f *File) anchor(c *train.Config) {
	path := func(p string) string {
		if p == "" || filepath.IsAbs(p) {
			return p
		}
		return filepath.Join(f.folder, p)
	}
	c.Corpus, c.Valid, c.Test = slices.Clone(c.Corpus), slices.Clone(c.Valid), slices.Clone(c.Test)
	for _, list := range [][]string{c.Corpus, c.Valid, c.Test} {
		for i := range list {
			list[i] = path(list[i])
		}
	}
	c.Vocab, c.InitFrom = path(c.Vocab), path(c.InitFrom)
}

// runs crosses one group's lists.
func (g *Group) runs(most int) ([]*Run, error) {
	combinations := 1
	for _, a := range g.cross {
		combinations *= len(a.values)
		if combinations > most {
			return nil, usage.Errorf("group %s: found more than %d runs in the sweep, expected at most that many", g.Name, maxRuns)
		}
	}
	choices := map[string]*choice{}
	var out []*Run
	for n := range combinations {
		picked := g.pick(n)
		base := &Run{Name: g.Name + nameOf(g.cross, picked), Group: g.Name, Config: train.DefaultConfig()}
		for _, s := range append(g.set[:len(g.set):len(g.set)], picked...) {
			if err := s.Apply(&base.Config); err != nil {
				return nil, err
			}
		}
		if g.tune != nil {
			key := g.tune.place(g.cross, picked)
			if choices[key] == nil { // the first combination of the choice
				c := &choice{}
				choices[key] = c
				var err error
				if c.candidates, err = g.candidates(base, picked, c); err != nil {
					return nil, err
				}
				out = append(out, c.candidates...)
			}
			base.choice = choices[key]
		}
		out = append(out, base)
		if len(out) > most {
			return nil, usage.Errorf("group %s: found more than %d runs in the sweep, expected at most that many", g.Name, maxRuns)
		}
	}
	return out, nil
}

// pick returns combination n: one value of each list, the last list fastest.
func (g *Group) pick(n int) []settings.Given {
	out := make([]settings.Given, len(g.cross))
	for i := len(g.cross) - 1; i >= 0; i-- {
		values := g.cross[i].values
		out[i] = values[n%len(values)]
		n /= len(values)
	}
	return out
}

// place returns the choice that a combination belongs to. The first combination of a choice, that
// with the first value of all lists that the rate is not chosen separately for, is what its
// candidates are.
func (t *tune) place(cross []axis, picked []settings.Given) (key string) {
	for i, a := range cross {
		if t.separate(a.key) {
			key += valueText(picked[i]) + "\x00"
		}
	}
	return key
}

func (t *tune) separate(key string) bool { return slices.Contains(t.per, key) }

// nameOf is what values that are picked, one of each list, add to the name of a run.
func nameOf(lists []axis, picked []settings.Given) string {
	var name strings.Builder
	for i, p := range picked {
		short := p.RunName
		switch short {
		case "":
			short = p.Flag() + "="
		case settings.Alone:
			short = ""
		}
		name.WriteString("-" + short + lists[i].nameOf(p))
	}
	return name.String()
}

// nameOf writes a value of the list as a part of a file's name. Values that would be
// the same there, or but for capital letters, get the begin of their hash besides.
func (a axis) nameOf(value settings.Given) string {
	text := valueText(value)
	name := strings.Map(plain, text)
	if a.named[strings.ToLower(name)] > 1 {
		return fmt.Sprintf("%s_%.4x", name, sha256.Sum256([]byte(text)))
	}
	return name
}

// plain maps what a file's name had better not have.
func plain(r rune) rune {
	if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+_", r) {
		return r
	}
	return '_'
}

// valueText writes a given value as its type does: 1e-3 and 0.001 are one value.
func valueText(g settings.Given) string {
	c := train.DefaultConfig()
	if err := g.Apply(&c); err != nil {
		return "" // reader.setting has tried it
	}
	return g.Short(&c)
}
