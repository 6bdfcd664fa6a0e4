package sweep

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/google/renameio/v2"
	"gonum.org/v1/gonum/mat"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Rule is the paper's learning-rate rule fitted to a sweep (appendix on learning
// rates):
//
//	ln eta(s) = ln eta_m(0) + B s^2 + C s
//
// with one eta_m(0) for each model m and B and C in common, by least squares over
// the points. The paper found B = 1.969 and C = 0.2905.
type Rule struct {
	Rule     string      `json:"rule"`
	B        float64     `json:"b"`
	C        float64     `json:"c"`
	Models   []Intercept `json:"models"`
	Residual float64     `json:"residual"` // root mean square of ln eta, over the points
	Points   []Point     `json:"points"`
	Paper    [2]float64  `json:"paper"` // its B and C
}

// Intercept is a model's rate at s = 0 as the fit has it.
type Intercept struct {
	Model     string  `json:"model"`
	DenseRate float64 `json:"dense_rate"`
}

// Point is the best learning rate of one model and sparsity.
type Point struct {
	Model        string  `json:"model"`
	Sparsity     float64 `json:"sparsity"`
	LearningRate float64 `json:"learning_rate"`
	// Interpolated: LearningRate is the lowest point of the parabola through the
	// losses of the grid's best rate and its two neighbors, over ln eta. Else it is
	// the grid's best, which stands at the end of the grid: the true one may lie
	// beyond.
	Interpolated bool    `json:"interpolated"`
	GridRate     float64 `json:"grid_rate"`
	MLMLoss      float64 `json:"mlm_loss"` // at the grid's best rate
	Runs         int     `json:"runs"`     // that the point was made of
}

const ruleText = "ln(learning_rate) = ln(dense_rate) + b s^2 + c s"

// paperRule is what the paper found.
var paperRule = [2]float64{1.969, 0.2905}

// measured is the loss at one learning rate.
type measured struct {
	rate, sum float64
	runs      int
}

func (m measured) loss() float64 { return m.sum / float64(m.runs) }

// setting is everything that a best learning rate is the best of: a configuration
// but for rate and seed.
type setting struct {
	point Point
	seeds map[uint64]map[float64]float64 // seed, rate: loss
}

// FitRule fits the rule to the results of groups. Every configuration, rate and
// seed aside, gives a point; a dense one counts as s = 0. The loss at a rate is the
// mean over seeds, of which only those count that were run at the most rates: the
// seeds that got the chosen rate alone say nothing of the others. Models of one
// name and different sizes count as different.
func FitRule(results []*Result, groups []string) (*Rule, error) {
	var order []*setting
	at := map[string]*setting{}
	for _, r := range results {
		if r.Status != Done || !slices.Contains(groups, r.Group) {
			continue
		}
		var c train.Config
		if err := settings.Decode(r.Config, &c); err != nil {
			return nil, fmt.Errorf("fit: run %s: %w", r.Name, err)
		}
		rate, seed := c.LearningRate, c.Seed
		key, err := keyOf(c)
		if err != nil {
			return nil, err
		}
		s := at[key]
		if s == nil {
			s = &setting{pointOf(c), map[uint64]map[float64]float64{}}
			at[key], order = s, append(order, s)
		}
		if s.seeds[seed] == nil {
			s.seeds[seed] = map[float64]float64{}
		}
		s.seeds[seed][rate] = *r.MLMLoss
	}
	rule := &Rule{Rule: ruleText, Paper: paperRule}
	for _, s := range order {
		rule.Points = append(rule.Points, s.best())
	}
	return rule, rule.solve()
}

// best finds the setting's best learning rate.
func (s *setting) best() Point {
	most := 0
	for _, rates := range s.seeds {
		most = max(most, len(rates))
	}
	var ms []measured
	for _, seed := range slices.Sorted(maps.Keys(s.seeds)) {
		rates := s.seeds[seed]
		if len(rates) < most {
			continue
		}
		for _, rate := range slices.Sorted(maps.Keys(rates)) {
			i := slices.IndexFunc(ms, func(m measured) bool { return m.rate == rate })
			if i < 0 {
				i = len(ms)
				ms = append(ms, measured{rate: rate})
			}
			ms[i].sum += rates[rate]
			ms[i].runs++
		}
	}
	p := bestRate(ms)
	p.Model, p.Sparsity = s.point.Model, s.point.Sparsity
	return p
}

// bestRate finds the best learning rate among measured ones, at least one.
func bestRate(ms []measured) Point {
	slices.SortFunc(ms, func(a, b measured) int {
		if a.rate < b.rate {
			return -1
		}
		return 1
	})
	best := 0
	var p Point
	for i, m := range ms {
		p.Runs += m.runs
		if m.loss() < ms[best].loss() {
			best = i
		}
	}
	p.GridRate, p.LearningRate, p.MLMLoss = ms[best].rate, ms[best].rate, ms[best].loss()
	if best == 0 || best == len(ms)-1 {
		return p
	}
	// The parabola through three points has its lowest one where its derivative,
	// linear from the slope of the left chord to that of the right, is zero.
	x0, x1, x2 := math.Log(ms[best-1].rate), math.Log(ms[best].rate), math.Log(ms[best+1].rate)
	left := (ms[best].loss() - ms[best-1].loss()) / (x1 - x0)
	right := (ms[best+1].loss() - ms[best].loss()) / (x2 - x1)
	if curvature := right - left; curvature > 0 {
		mid := (x0 + x1) / 2
		p.LearningRate = math.Exp(mid - left/curvature*(x2-x0)/2)
		p.Interpolated = true
	}
	return p
}

// solve fits the coefficients to the points.
func (r *Rule) solve() error {
	for _, p := range r.Points {
		if !slices.ContainsFunc(r.Models, func(m Intercept) bool { return m.Model == p.Model }) {
			r.Models = append(r.Models, Intercept{Model: p.Model})
		}
	}
	unknowns := len(r.Models) + 2
	if len(r.Points) < unknowns {
		return fmt.Errorf("fit: found %d best learning rates for %d coefficients, expected at least as many; run more sparsities", len(r.Points), unknowns)
	}
	a := mat.NewDense(len(r.Points), unknowns, nil)
	y := mat.NewVecDense(len(r.Points), nil)
	for i, p := range r.Points {
		m := slices.IndexFunc(r.Models, func(m Intercept) bool { return m.Model == p.Model })
		a.Set(i, m, 1)
		a.Set(i, unknowns-2, p.Sparsity*p.Sparsity)
		a.Set(i, unknowns-1, p.Sparsity)
		y.SetVec(i, math.Log(p.LearningRate))
	}
	var x mat.VecDense
	if err := x.SolveVec(a, y); err != nil {
		return fmt.Errorf("fit: found sparsities that do not determine the rule (%v), expected at least three of one model", err)
	}
	for i := range r.Models {
		r.Models[i].DenseRate = math.Exp(x.AtVec(i))
	}
	r.B, r.C = x.AtVec(unknowns-2), x.AtVec(unknowns-1)
	var rest mat.VecDense
	rest.MulVec(a, &x)
	rest.SubVec(&rest, y)
	r.Residual = mat.Norm(&rest, 2) / math.Sqrt(float64(len(r.Points)))
	return nil
}

// writeFit writes fit.json.
func writeFit(path string, r *Rule) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the fit: %w", err)
	}
	if err := renameio.WriteFile(path, append(text, '\n'), 0o666); err != nil {
		return fmt.Errorf("write the fit: %w", err)
	}
	return nil
}
