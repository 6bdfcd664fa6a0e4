package train

import (
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

//go:generate go run ../internal/settings/gen ..

// DefaultConfig is the run that `train` makes with no flags: BERT-Tiny on the demo
// corpus, about a minute on two cores.
func DefaultConfig() Config {
	var c Config
	settings.Defaults(&c)
	return c
}

// Encode returns the configuration as YAML, keys in the order of the struct.
func (c Config) Encode() ([]byte, error) {
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
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
	data, err := os.ReadFile(path)
	if err != nil {
		return usage.Errorf("%s: found %v, expected a readable configuration file", path, errors.Unwrap(err))
	}
	return parseConfig(path, data, c)
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

// checkNumbers says what of c no run can have, and what values together must keep.
func (c *Config) checkNumbers() error {
	if key, wrong := settings.OutOfRange(c); key != "" {
		return usage.Errorf("%s: %s", key, wrong)
	}
	if c.WarmupSteps > c.MaxSteps && c.Epochs == 0 {
		return usage.Errorf("warmup_steps: found %d, expected at most max_steps %d", c.WarmupSteps, c.MaxSteps)
	}
	return nil
}
