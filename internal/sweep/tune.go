package sweep

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/strictyaml"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// ownSeed sees to it that the rates of a group are tried with a seed that none of its runs has:
// a rate that was chosen on a seed suits that seed, and would flatter the mean. Where the file
// names none it is the one above the group's largest.
func (r *reader) ownSeed(g *Group) error {
	seeds, err := g.seeds()
	if err != nil {
		return err
	}
	if g.tune.seed == nil {
		own := slices.Max(seeds) + 1
		for slices.Contains(seeds, own) { // the largest number there is was among them
			own++
		}
		y, err := strictyaml.Parse("tune", fmt.Appendf(nil, "seed: %d\n", own))
		if err != nil {
			return err
		}
		seed, err := settings.Read(y, y.Pairs[0])
		g.tune.seed = &seed
		return err
	}
	c := train.DefaultConfig()
	if err := g.tune.seed.Apply(&c); err != nil {
		return err
	}
	if slices.Contains(seeds, c.Seed) {
		return r.y.Errorf(g.tune.seed.Line, "tune: seed: found %d, which runs of the group have, expected one of its own: the runs that try the rates are not reported", c.Seed)
	}
	return nil
}

// seeds are those of the group's runs.
func (g *Group) seeds() ([]uint64, error) {
	c := train.DefaultConfig()
	for _, s := range g.set {
		if err := s.Apply(&c); err != nil {
			return nil, err
		}
	}
	seeds := []uint64{c.Seed}
	for _, a := range g.cross {
		if a.key != "seed" {
			continue
		}
		seeds = nil
		for _, v := range a.values {
			if err := v.Apply(&c); err != nil {
				return nil, err
			}
			seeds = append(seeds, c.Seed)
		}
	}
	return seeds, nil
}

// candidates are the runs that try the rates for a combination, with the seed for that.
func (g *Group) candidates(base *Run, picked []settings.Given, c *choice) ([]*Run, error) {
	seed := axis{key: "seed", values: []settings.Given{*g.tune.seed}}
	lists, named := slices.Clone(g.cross), slices.Clone(picked)
	if i := slices.IndexFunc(lists, func(a axis) bool { return a.key == "seed" }); i >= 0 {
		lists[i], named[i] = seed, *g.tune.seed
	} else {
		lists, named = append(lists, seed), append(named, *g.tune.seed)
	}
	var out []*Run
	for _, rate := range g.tune.rates.values {
		r := *base
		r.Name = g.Name + nameOf(lists, named) + nameOf([]axis{g.tune.rates}, []settings.Given{rate})
		r.choice, r.candidate = c, true
		for _, s := range []settings.Given{*g.tune.seed, rate} {
			if err := s.Apply(&r.Config); err != nil {
				return nil, err
			}
		}
		out = append(out, &r)
	}
	return out, nil
}
