package train

import "github.com/sparsebert/sparsebert-gpu/model"

// Shape returns the model of a configuration and the sizes that it is built for,
// without any data: its vocabulary has the size that the configuration says.
func Shape(c Config) (model.Config, model.Options, error) {
	p, err := newShape(c)
	if err != nil {
		return model.Config{}, model.Options{}, err
	}
	return p.Model, p.options(), nil
}

// newShape works out a plan without data.
func newShape(c Config) (*Plan, error) {
	if err := c.checkNumbers(); err != nil {
		return nil, err
	}
	p := &Plan{Config: c}
	if err := p.resolve(c.VocabSize, unknownExamples); err != nil {
		return nil, err
	}
	return p, nil
}
