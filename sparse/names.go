package sparse

import "github.com/sparsebert/sparsebert-gpu/internal/enum"

// The texts that flags and files use, in the order of the constants.
var (
	normNames         = enum.New[Norm]("norm", ErrName, "l1", "l2", "linf")
	pruneNames        = pruneWords()
	growthNames       = growthWords()
	scheduleNames     = enum.New[Schedule]("schedule", ErrName, "cosine", "constant", "linear")
	distributionNames = enum.New[Distribution]("distribution", ErrName, "uniform", "erk")
	choiceNames       = enum.New[Choice]("choice", ErrName, "fixed", "random", "magnitude")
)

// String returns l1, l2 or linf.
func (n Norm) String() string { return normNames.String(n) }

// MarshalText returns what String does. Error: ErrName for a number of no norm.
func (n Norm) MarshalText() ([]byte, error) { return normNames.Marshal(n) }

// UnmarshalText reads what MarshalText writes. Error: ErrName.
func (n *Norm) UnmarshalText(text []byte) error { return normNames.Unmarshal(n, text) }

// String returns the name of the criterion: norm, saliency.
func (p Prune) String() string { return pruneNames.String(p) }

// MarshalText returns what String does. Error: ErrName for a number of no criterion.
func (p Prune) MarshalText() ([]byte, error) { return pruneNames.Marshal(p) }

// UnmarshalText reads what MarshalText writes. Error: ErrName.
func (p *Prune) UnmarshalText(text []byte) error { return pruneNames.Unmarshal(p, text) }

// String returns the word of the growth: random, gradient, fan-in, gradient-fan-in.
func (g Growth) String() string { return growthNames.String(g) }

// MarshalText returns what String does. Error: ErrName for a number of no growth.
func (g Growth) MarshalText() ([]byte, error) { return growthNames.Marshal(g) }

// UnmarshalText reads what MarshalText writes. Error: ErrName.
func (g *Growth) UnmarshalText(text []byte) error { return growthNames.Unmarshal(g, text) }

// String returns cosine, constant or linear.
func (s Schedule) String() string { return scheduleNames.String(s) }

// MarshalText returns what String does. Error: ErrName for a number of no schedule.
func (s Schedule) MarshalText() ([]byte, error) { return scheduleNames.Marshal(s) }

// UnmarshalText reads what MarshalText writes. Error: ErrName.
func (s *Schedule) UnmarshalText(text []byte) error { return scheduleNames.Unmarshal(s, text) }

// String returns uniform or erk.
func (d Distribution) String() string { return distributionNames.String(d) }

// MarshalText returns what String does. Error: ErrName for a number of no
// distribution.
func (d Distribution) MarshalText() ([]byte, error) { return distributionNames.Marshal(d) }

// UnmarshalText reads what MarshalText writes. Error: ErrName.
func (d *Distribution) UnmarshalText(text []byte) error { return distributionNames.Unmarshal(d, text) }

// String returns fixed, random or magnitude.
func (c Choice) String() string { return choiceNames.String(c) }

// MarshalText returns what String does. Error: ErrName for a number of no choice.
func (c Choice) MarshalText() ([]byte, error) { return choiceNames.Marshal(c) }

// UnmarshalText reads what MarshalText writes. Error: ErrName.
func (c *Choice) UnmarshalText(text []byte) error { return choiceNames.Unmarshal(c, text) }
