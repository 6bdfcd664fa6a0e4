package sweep

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// keyOf is what a best learning rate is the best of, as a text.
func keyOf(c train.Config) (string, error) {
	c.LearningRate, c.Seed, c.Test = 0, 0, nil
	key, err := settings.Encode(&c)
	return string(key), err
}

// pointOf is the point of a fit that a resolved configuration belongs to, without its
// rate.
func pointOf(c train.Config) Point {
	p := Point{Model: fmt.Sprintf("%s-%dx%d", c.Model, c.Layers, c.Hidden), Sparsity: c.Sparsity}
	if c.Method == model.Dense {
		p.Sparsity = 0
	}
	return p
}

// checkFit says before any run whether the runs, if all end well, determine the rule
// that the file asks for.
func (s *Sweep) checkFit(configs map[*Run]train.Config) error {
	if s.File.Fit == nil {
		return nil
	}
	seen := map[string]bool{}
	var rule Rule
	for _, r := range s.Runs {
		if !slices.Contains(s.File.Fit.Groups, r.Group) {
			continue
		}
		c := configs[r]
		sizes, _, err := train.Shape(c)
		if err != nil {
			return ofRun(r, err)
		}
		c.OutputDir, c.Layers, c.Hidden = "", sizes.Layers, sizes.Hidden
		key, err := keyOf(c)
		if err != nil {
			return ofRun(r, err)
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		p := pointOf(c)
		p.LearningRate = 1 // any: only what is solved for matters
		rule.Points = append(rule.Points, p)
	}
	if err := rule.solve(); err != nil {
		return usage.Mark(err)
	}
	return nil
}
