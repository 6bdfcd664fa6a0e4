package train

import (
	"cmp"
	"fmt"
	"math/bits"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/strictyaml"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

//go:generate go run ../internal/settings/gen ..

// DefaultConfig is the run that `train` makes with no flags: BERT-Tiny on the demo
// corpus, about a minute on two cores.
func DefaultConfig() Config {
	var c Config
	settings.Defaults(&c)
	return c
}

// Encode returns the configuration as YAML, keys in the order of the struct. What
// ReadConfigFile would not read back as it is is ErrUsage: better before a run than
// when it is to go on.
func (c Config) Encode() ([]byte, error) {
	out, err := strictyaml.Encode(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	back := DefaultConfig()
	if err := parseConfig(ConfigName, out, &back); err != nil {
		return nil, err
	}
	if key, was, is, ok := settings.Changed(&c, &back); ok {
		return nil, usage.Errorf("%s: found %s, which a file has as %s, expected another", key, was, is)
	}
	return out, nil
}

// Hash is the SHA-256, in hex, of everything in the configuration that determines
// the numbers of the run.
func (c Config) Hash() (string, error) { return settings.Hash(&c) }

// ReadConfigFile reads a YAML configuration over what c holds already. An unknown
// key, a key given twice, a value of the wrong type or out of its range is ErrUsage
// and names file, line and key; c is then as it was.
func ReadConfigFile(path string, c *Config) error {
	data, err := strictyaml.ReadFile(path, "a readable configuration file")
	if err != nil {
		return err
	}
	if err := parseConfig(path, data, c); err != nil {
		return err
	}
	c.pin, err = readPin(path, *c)
	return err
}

// parseConfig is ReadConfigFile on bytes; name stands for the file in errors.
func parseConfig(name string, data []byte, c *Config) error {
	next := *c
	if err := settings.Parse(name, data, &next); err != nil {
		return err
	}
	*c = next
	return nil
}

// scoreMicroBatch is the growth_score by which a run accepts the norms of
// micro-batches.
const scoreMicroBatch = "micro-batch"

// checkNumbers says what of c no run can have, and what values together must keep.
func (c *Config) checkNumbers() error {
	if key, wrong := settings.OutOfRange(c); key != "" {
		return usage.Errorf("%s: %s", key, wrong)
	}
	if c.MaxTime != "" {
		if _, err := parseMaxTime(c.MaxTime); err != nil {
			return err
		}
	}
	if c.Epochs > 0 && settings.IsGiven(c, "max_steps") {
		return usage.Errorf("epochs: found %s beside max_steps %d, expected one of them", settings.Number(c.Epochs), c.MaxSteps)
	}
	if c.Method == model.Dynamic && c.Growth.Scores() && c.Accumulation > 1 && c.GrowthScore != scoreMicroBatch {
		return usage.Errorf("growth: found gradient with %d micro-batches in a step, expected 1, or growth_score %s: "+
			"blocks are then scored by the sum of the micro-batches' gradient norms, which depends on how the batch is cut", c.Accumulation, scoreMicroBatch)
	}
	if r := max(1, c.Replicas); bits.OnesCount(uint(r)) != 1 {
		return usage.Errorf("replicas: found %d, expected a power of two", r)
	} else if c.Accumulation%r != 0 {
		return usage.Errorf("gradient_accumulation_steps: found %d, expected a multiple of replicas %d, which take as many of a step's micro-batches each", c.Accumulation, r)
	}
	if err := c.checkBest(); err != nil {
		return err
	}
	if c.Method == model.Dynamic && c.UpdateStart >= cmp.Or(c.UpdateEnd, updateEnd) {
		return usage.Errorf("update_start: found %s, expected less than update_end %s", settings.Number(c.UpdateStart), settings.Number(c.UpdateEnd))
	}
	if c.WarmupSteps > c.MaxSteps && c.Epochs == 0 {
		return usage.Errorf("warmup_steps: found %d, expected at most max_steps %d", c.WarmupSteps, c.MaxSteps)
	}
	return nil
}
