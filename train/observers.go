package train

// Observers tells each of several observers, in their order.
type Observers []Observer

// Loading implements Observer.
func (o Observers) Loading(stage string, done, total int64) {
	for _, one := range o {
		one.Loading(stage, done, total)
	}
}

// Started implements Observer.
func (o Observers) Started(p *Plan, dir string, from int64) {
	for _, one := range o {
		one.Started(p, dir, from)
	}
}

// Stepped implements Observer.
func (o Observers) Stepped(done, total int64, loss float64) {
	for _, one := range o {
		one.Stepped(done, total, loss)
	}
}

// Logged implements Observer.
func (o Observers) Logged(m TrainMetrics) {
	for _, one := range o {
		one.Logged(m)
	}
}

// Updated implements Observer.
func (o Observers) Updated(m TopologyMetrics) {
	for _, one := range o {
		one.Updated(m)
	}
}

// Evaluated implements Observer.
func (o Observers) Evaluated(m EvalMetrics) {
	for _, one := range o {
		one.Evaluated(m)
	}
}

// Spent implements Observer.
func (o Observers) Spent(m CostMetrics) {
	for _, one := range o {
		one.Spent(m)
	}
}

// Saved implements Observer.
func (o Observers) Saved(path string) {
	for _, one := range o {
		one.Saved(path)
	}
}

// Warned implements Observer.
func (o Observers) Warned(text string) {
	for _, one := range o {
		one.Warned(text)
	}
}

// Skipped implements Observer.
func (o Observers) Skipped(path string, reason error) {
	for _, one := range o {
		one.Skipped(path, reason)
	}
}
