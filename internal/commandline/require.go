package commandline

import (
	"os"
	"slices"

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

// NoEmptyTexts rejects a flag that is given with an empty text, which is what a shell makes of a
// variable that is not set: --init-from "$WEIGHTS" would begin at random, --max-time "$LIMIT" go on
// for good. Where one of the flags over is given, of a file or a run with values of its own, or the
// environment has one, an empty text takes it back. The command has words of its own for the flags own.
func NoEmptyTexts(c *cli.Context, over, own []string) error {
	for _, name := range over {
		switch v := c.Value(name).(type) {
		case bool:
			if v {
				return nil
			}
		case string:
			if v != "" {
				return nil
			}
		}
	}
	for _, f := range c.Command.Flags {
		f, ok := f.(*cli.StringFlag)
		if !ok || !c.IsSet(f.Name) || c.String(f.Name) != "" || slices.Contains(own, f.Name) {
			continue
		}
		if !slices.ContainsFunc(f.EnvVars, func(name string) bool { _, there := os.LookupEnv(name); return there }) {
			return usage.Errorf("%s: --%s: found an empty text, expected a value, or no such flag", c.Command.Name, f.Name)
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
