package commandline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// OnUsageError turns the flag parser's complaint into one line that says what was found and what
// was expected. It is a cli.OnUsageErrorFunc.
func OnUsageError(c *cli.Context, err error, _ bool) error {
	help, where, flags := "sparsebert-gpu --help", "", c.App.Flags
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		help, where, flags = "sparsebert-gpu "+c.Command.Name+" --help", c.Command.Name+": ", c.Command.Flags
	}
	return usage.Errorf("%s%s; see `%s`", where, complaint(err.Error(), flags), help)
}

// What the flag parser says about a value that it cannot read.
var (
	badFlagValue = regexp.MustCompile(`^invalid (?:boolean )?value ("(?:[^"\\]|\\.)*") for (?:flag )?-(\S+):`)
	badVariable  = regexp.MustCompile(`^could not parse ("(?:[^"\\]|\\.)*") (?:as \S+ value )?from environment variable "(\S+)" (?:as value )?for flag (\S+):`)
)

// complaint rewords what the flag parser says of the flags of one command.
func complaint(text string, flags []cli.Flag) string {
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return fmt.Sprintf("found unknown flag %s, expected a known one%s", dashed(name), suggest(name, flags))
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		line := "no value given for " + dashed(name)
		if kind := valueKind(name, flags); kind != anyValue {
			line += ", expected " + kind
		}
		return line
	}
	if m := badFlagValue.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%s: found %s, expected %s", dashed(m[2]), m[1], valueKind(m[2], flags))
	}
	if m := badVariable.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("environment variable %s: found %s, expected %s", m[2], m[1], valueKind(m[3], flags))
	}
	return text
}

// suggest names the flag that a mistyped one most likely stands for.
func suggest(name string, flags []cli.Flag) string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()[0])
	}
	if near := settings.Nearest(name, names); near != "" {
		return " (did you mean --" + near + "?)"
	}
	return ""
}

// dashed writes a flag's name as it is given.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// anyValue is what a flag must have whose values are texts.
const anyValue = "a value"

// valueKind says what the value of a flag must be.
func valueKind(name string, flags []cli.Flag) string {
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f := f.(type) {
		case *cli.GenericFlag:
			if w, ok := f.Value.(interface{ Expected() string }); ok {
				return w.Expected()
			}
		case *listFlag:
			return f.Value.(*list).Expected()
		case *cli.BoolFlag:
			return "true or false"
		}
	}
	return anyValue
}
