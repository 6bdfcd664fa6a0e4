package commandline

import (
	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// NoStrayArguments rejects whatever is not a flag. The flag parser stops at the first such argument
// and would silently ignore every flag after it. Commands that take files (ArgsUsage) check their
// number themselves.
func NoStrayArguments(c *cli.Context) error {
	if c.Command.ArgsUsage == "" && c.Args().Present() {
		return usage.Errorf("%s: found argument %q, expected flags only", c.Command.Name, c.Args().First())
	}
	return nil
}

// Require checks that flags were given a value. (The flag parser's own way prints the whole help.)
func Require(c *cli.Context, names ...string) error {
	for _, name := range names {
		if !c.IsSet(name) {
			return usage.Errorf("%s: no --%s given", c.Command.Name, name)
		}
		if given, ok := c.Value(name).(string); ok && given == "" {
			return usage.Errorf("%s: no path given for --%s", c.Command.Name, name)
		}
	}
	return nil
}

// RequireRange checks that whole-number flags lie in lo..hi.
func RequireRange(c *cli.Context, lo, hi int, names ...string) error {
	for _, name := range names {
		if v := c.Int(name); v < lo || v > hi {
			return usage.Errorf("%s: --%s: found %d, expected %d to %d", c.Command.Name, name, v, lo, hi)
		}
	}
	return nil
}
