package train

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
)

// ReadConfigFile reads a YAML configuration over what c holds already. Keys are
// those of Settings. An unknown key, a key given twice, a value of the wrong type
// or out of its range is ErrUsage and names file, line and key.
func ReadConfigFile(path string, c *Config) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return usagef("%s: found %v, expected a readable configuration file", path, errors.Unwrap(err))
	}
	return ParseConfig(path, data, c)
}

// ParseConfig is ReadConfigFile on bytes; name stands for the file in errors.
func ParseConfig(name string, data []byte, c *Config) error {
	f, err := ParseYAML(name, data)
	if err != nil {
		return err
	}
	next := *c
	for _, p := range f.Pairs {
		g, err := f.Setting(p)
		if err != nil {
			return err
		}
		if err := g.Apply(&next); err != nil {
			return err
		}
	}
	*c = next
	return nil
}

// Encode returns the configuration as YAML, keys in the order of the struct.
func (c Config) Encode() ([]byte, error) {
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}
	return out, nil
}

// Hash is the SHA-256, in hex, of everything in the configuration that
// determines the numbers of the run. Settings marked Running are left out.
func (c Config) Hash() (string, error) {
	sum := sha256.New()
	for _, s := range Settings() {
		if s.Running {
			continue
		}
		text, err := settingText(s, &c)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s=%s\n", s.Key, text)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// settingText writes a setting's value; no list and an empty one are the same.
func settingText(s Setting, c *Config) (string, error) {
	value := s.Value(c)
	if list, ok := value.(*[]string); ok && len(*list) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", s.Key, err)
	}
	return string(text), nil
}

// Differs returns the key of the first setting, Running ones left out, in which
// a and b differ, with both values; ok is false when there is none.
func Differs(a, b Config) (key, inA, inB string, ok bool) {
	for _, s := range Settings() {
		if s.Running {
			continue
		}
		x, errX := settingText(s, &a)
		y, errY := settingText(s, &b)
		if errX != nil || errY != nil || x != y {
			return s.Key, x, y, true
		}
	}
	return "", "", "", false
}
