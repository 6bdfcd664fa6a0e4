package model

import (
	"encoding/json"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// configJSON is a Config as checkpoints have it: distribution and growth are
// numbers there, unlike the other enumerations. The fields that it names stand in
// front of those of the same keys, and behind all others in the text.
type configJSON struct {
	fields
	Distribution uint8 `json:"distribution"`
	Growth       uint8 `json:"growth"`
	Rest         Rest  `json:"rest"`
}

// fields are those of Config, without its methods.
type fields Config

func (c Config) json() configJSON {
	return configJSON{fields(c), uint8(c.Distribution), uint8(c.Growth), c.Rest}
}

// MarshalJSON writes the configuration as checkpoints have it (docs/formats.md).
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.json()) }

// UnmarshalJSON reads what MarshalJSON writes. What the text does not have stays
// as c has it.
func (c *Config) UnmarshalJSON(text []byte) error {
	j := c.json()
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*c = Config(j.fields)
	c.Distribution, c.Growth, c.Rest = sparse.Distribution(j.Distribution), sparse.Growth(j.Growth), j.Rest
	return nil
}
