package sweep

import "fmt"

// best returns the candidate of the choice with the smallest final validation MLM
// loss, the smaller learning rate of equals; nil while a candidate is not
// finished or has failed, and when all diverged.
func (s *Sweep) best(c *choice) *Run {
	var best *Run
	for _, r := range c.candidates {
		found := s.results[r.Name]
		switch {
		case found == nil || found.Status == Failed:
			return nil
		case found.MLMLoss == nil: // diverged
		case best == nil,
			*found.MLMLoss < *s.results[best.Name].MLMLoss,
			*found.MLMLoss == *s.results[best.Name].MLMLoss && r.Config.LearningRate < best.Config.LearningRate:
			best = r
		}
	}
	return best
}

// choose makes the choices that can be made and are not yet: the runs that wait get the
// learning rate of the best candidate. It returns the candidates that it chose.
func (s *Sweep) choose() []*Run {
	var chosen []*Run
	for _, r := range s.Runs {
		if r.choice == nil || r.choice.best == nil && s.best(r.choice) == nil {
			continue
		}
		if r.choice.best == nil {
			best := s.best(r.choice)
			r.choice.best = best
			chosen = append(chosen, best)
		}
		// Once only, before the run begins: from then on another goroutine reads it.
		if rate := r.choice.best.Config.LearningRate; r.Waits() && r.Config.LearningRate != rate {
			r.Config.LearningRate = rate
		}
	}
	return chosen
}

// edge says where the best candidate has the smallest or largest rate of those tried: the best of
// all rates may lie beyond. "" elsewhere, and where only one was tried.
func (c *choice) edge() string {
	smaller, larger := 0, 0
	for _, r := range c.candidates {
		switch rate := r.Config.LearningRate; {
		case rate < c.best.Config.LearningRate:
			smaller++
		case rate > c.best.Config.LearningRate:
			larger++
		}
	}
	end, beyond := "smallest", "smaller"
	switch {
	case smaller+larger == 0 || smaller > 0 && larger > 0:
		return ""
	case smaller > 0:
		end, beyond = "largest", "larger"
	}
	return fmt.Sprintf("tune: group %s: the best rate, %v of %s, is the %s of the %d tried; a %s one may be better: widen the list", c.best.Group, c.best.Config.LearningRate, c.best.Name, end, smaller+larger+1, beyond)
}

// ready tells whether a run's configuration is complete.
func (r *Run) ready() bool { return !r.Waits() || r.choice.best != nil }
