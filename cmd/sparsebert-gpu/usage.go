package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// onUsageError turns the flag parser's complaint into one line that says what
// was found and what was expected.
func onUsageError(c *cli.Context, err error, _ bool) error {
	help, where, flags := "sparsebert-gpu --help", "", c.App.Flags
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		help, where, flags = "sparsebert-gpu "+c.Command.Name+" --help", c.Command.Name+": ", c.Command.Flags
	}
	return usageError("%s%s; see `%s`", where, complaint(err.Error(), flags), help)
}

// What the flag parser says about a value that it cannot read.
var (
	badFlagValue = regexp.MustCompile(`^invalid (?:boolean )?value ("(?:[^"\\]|\\.)*") for (?:flag )?-(\S+):`)
	badVariable  = regexp.MustCompile(`^could not parse ("(?:[^"\\]|\\.)*") as \S+ value from environment variable "(\S+)" for flag (\S+):`)
)

// complaint rewords what the flag parser says of the flags of one command.
func complaint(text string, flags []cli.Flag) string {
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return fmt.Sprintf("found unknown flag %s, expected a known one", dashed(name))
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return fmt.Sprintf("found %s without a value, expected %s", dashed(name), valueKind(name, flags))
	}
	if m := badFlagValue.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%s: found %s, expected %s", dashed(m[2]), m[1], valueKind(m[2], flags))
	}
	if m := badVariable.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("environment variable %s: found %s, expected %s", m[2], m[1], valueKind(m[3], flags))
	}
	return text
}

// dashed writes a flag's name as it is given.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// valueKind says what the value of a flag must be.
func valueKind(name string, flags []cli.Flag) string {
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f.(type) {
		case *cli.BoolFlag:
			return "true or false"
		case *cli.IntFlag, *cli.Int64Flag, *cli.IntSliceFlag:
			return "a whole number"
		case *cli.Uint64Flag:
			return "a whole number, 0 or more"
		case *cli.Float64Flag:
			return "a number"
		}
	}
	return "a value"
}

// noStrayArguments rejects whatever is not a flag. The flag parser stops at the
// first such argument and would silently ignore every flag after it. Commands
// that take files (ArgsUsage) check their number themselves.
func noStrayArguments(c *cli.Context) error {
	if c.Command.ArgsUsage == "" && c.Args().Present() {
		return usageError("%s: found argument %q, expected flags only", c.Command.Name, c.Args().First())
	}
	return nil
}

// noUnknownVariables rejects environment variables that look like settings and
// are none: a misspelt one would silently leave its setting as it is.
func noUnknownVariables(environment []string) error {
	known := map[string]bool{configVariable: true}
	for _, s := range train.Settings() {
		known[s.Environment()] = true
	}
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, train.EnvironmentPrefix) && !known[name] {
			return usageError("environment: found unknown variable %s, expected %s and the name of a flag with _ for -", name, train.EnvironmentPrefix)
		}
	}
	return nil
}

// flagsFirst puts the flags of a command that takes files or folders before these:
// the flag parser stops at the first argument that is none. What follows -- is left
// alone.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	cmd := app.Command(args[1])
	if cmd == nil || cmd.ArgsUsage == "" {
		return args
	}
	takesValue := map[string]bool{}
	for _, f := range cmd.Flags {
		_, boolean := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			takesValue[name] = !boolean
		}
	}
	flags, files := args[:2:2], []string(nil)
	for i := 2; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			files = append(files, args[i+1:]...)
			i = len(args)
		case len(a) > 1 && a[0] == '-':
			flags = append(flags, a)
			if takesValue[strings.TrimLeft(a, "-")] && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		default:
			files = append(files, a)
		}
	}
	return append(append(flags, "--"), files...)
}

// beforeCommand makes the checks that every command begins with.
func beforeCommand(c *cli.Context) error {
	if err := noStrayArguments(c); err != nil {
		return err
	}
	return noUnknownVariables(os.Environ())
}

// requireFlags checks that flags were given a value. (The flag parser's own way
// prints the whole help.)
func requireFlags(c *cli.Context, names ...string) error {
	for _, name := range names {
		if !c.IsSet(name) {
			return usageError("%s: found no --%s, expected one", c.Command.Name, name)
		}
		if given, ok := c.Value(name).(string); ok && given == "" {
			return usageError("%s: found --%s without a name, expected a path", c.Command.Name, name)
		}
	}
	return nil
}

// requireRange checks that whole-number flags lie in lo..hi.
func requireRange(c *cli.Context, lo, hi int, names ...string) error {
	for _, name := range names {
		if v := c.Int(name); v < lo || v > hi {
			return usageError("%s: --%s: found %d, expected %d to %d", c.Command.Name, name, v, lo, hi)
		}
	}
	return nil
}

// foldUnderscores lets --max_steps stand for --max-steps. Values, and whatever
// follows --, are left alone.
func foldUnderscores(args []string) []string {
	out := append([]string(nil), args...)
	for i, a := range out {
		if a == "--" {
			break
		}
		if !strings.HasPrefix(a, "--") || i == 0 {
			continue
		}
		name, value, hasValue := strings.Cut(a, "=")
		name = strings.ReplaceAll(name, "_", "-")
		if hasValue {
			name += "=" + value
		}
		out[i] = name
	}
	return out
}
