package sparse

import (
	"fmt"
	"slices"
	"strings"
)

// The names that flags and files use, in the order of the constants.
var (
	normNames         = []string{"l1", "l2", "linf"}
	growthNames       = []string{"random", "gradient", "fan-in"}
	scheduleNames     = []string{"cosine", "constant", "linear"}
	distributionNames = []string{"uniform", "erk"}
	choiceNames       = []string{"fixed", "random", "magnitude"}
)

// String returns l1, l2 or linf.
func (n Norm) String() string { return name("norm", normNames, n) }

// String returns random, gradient or fan-in.
func (g Growth) String() string { return name("growth", growthNames, g) }

// String returns cosine, constant or linear.
func (s Schedule) String() string { return name("schedule", scheduleNames, s) }

// String returns uniform or erk.
func (d Distribution) String() string { return name("distribution", distributionNames, d) }

// String returns fixed, random or magnitude.
func (c Choice) String() string { return name("choice", choiceNames, c) }

// ParseChoice reads what Choice.String writes. Error: ErrName.
func ParseChoice(text string) (Choice, error) { return parse[Choice]("choice", choiceNames, text) }

// ParseNorm reads what Norm.String writes. Error: ErrName.
func ParseNorm(text string) (Norm, error) { return parse[Norm]("norm", normNames, text) }

// ParseGrowth reads what Growth.String writes. Error: ErrName.
func ParseGrowth(text string) (Growth, error) { return parse[Growth]("growth", growthNames, text) }

// ParseSchedule reads what Schedule.String writes. Error: ErrName.
func ParseSchedule(text string) (Schedule, error) {
	return parse[Schedule]("schedule", scheduleNames, text)
}

// ParseDistribution reads what Distribution.String writes. Error: ErrName.
func ParseDistribution(text string) (Distribution, error) {
	return parse[Distribution]("distribution", distributionNames, text)
}

func name[E ~uint8](kind string, names []string, e E) string {
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("unknown %s %d", kind, uint8(e))
}

func parse[E ~uint8](kind string, names []string, text string) (E, error) {
	i := slices.Index(names, text)
	if i < 0 {
		return 0, fmt.Errorf("%w: found %s %q, expected %s", ErrName, kind, text, strings.Join(names, ", "))
	}
	return E(i), nil
}
