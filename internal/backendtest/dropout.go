package backendtest

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// dropCase is a dropout site and whether the step trains.
type dropCase struct {
	backend.Dropout
	train bool
}

func (c dropCase) String() string { return fmt.Sprintf("rate=%v/train=%v", c.Rate, c.train) }

// step returns the scalars that a script with this dropout begins with.
func (c dropCase) step() backend.StepScalars {
	s := defaultStep()
	s.Train = c.train
	return s
}

// keep returns the factor of element i, from the contract's definition.
func (c dropCase) keep(i int) float64 {
	if c.Rate == 0 || !c.train {
		return 1
	}
	s := c.step()
	w := philox.At(s.Seed, philox.Dropout, uint32(i/4), uint32(s.Step), uint32(s.Micro)<<16|uint32(c.Site))
	if !(philox.Unit32(w[i%4]) >= c.Rate) {
		return 0
	}
	return 1 / (1 - float64(c.Rate))
}

// dropCases are off by rate, off by evaluation, and on at two rates and sites.
func dropCases() []dropCase {
	return []dropCase{
		{backend.Dropout{Rate: 0, Site: 1}, true},
		{backend.Dropout{Rate: 0.1, Site: 7}, true},
		{backend.Dropout{Rate: 0.1, Site: 2}, false},
		{backend.Dropout{Rate: 0.5, Site: 513}, true},
	}
}

func dropoutChecks() []check {
	var list []check
	for k, n := range []int{1, 2, 3, 4, 5, 7, 16, 33, 127, 1030, 4099} {
		for j, c := range dropCases() {
			inPlace := (j+k)%2 == 0
			list = append(list, check{name: fmt.Sprintf("n=%d/%v/in place=%v", n, c, inPlace), prepare: func(d *draws) (script, bounds) {
				x := d.reals(n, 2)
				run := func(r *harness) {
					r.b.BeginStep(c.step())
					if inPlace {
						y := r.inout("y", x)
						r.b.DropoutApply(y, y, n, c.Dropout)
						return
					}
					r.b.DropoutApply(r.output("y", n), r.input("x", x), n, c.Dropout)
				}
				return run, func(ref *harness) {
					y := ref.value("y")
					ref.allow("y", func(i int) float64 {
						if c.keep(i) == 1 {
							return 0
						}
						return d.limit("dropout", 0, y[i]) + d.stored(y[i])
					})
				}
			}})
		}
	}
	return list
}
