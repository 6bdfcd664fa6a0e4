package commandline

import (
	"encoding/base64"
	"flag"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/decimal"
)

// listFlag is a flag that is repeated. That of the flag parser drops blanks at the ends of a value
// and bytes that are not UTF-8.
type listFlag struct{ *cli.GenericFlag }

// newListFlag makes one; check, where it is not nil, refuses values.
func newListFlag(name string, aliases []string, usage, category string, variables []string, check func(string) error) *listFlag {
	return &listFlag{&cli.GenericFlag{
		Name: name, Aliases: aliases, Usage: usage, Category: category, EnvVars: variables, Value: &list{check: check},
	}}
}

// Apply implements cli.Flag. What the command line gives takes the place of what the environment
// gave.
func (f *listFlag) Apply(set *flag.FlagSet) error {
	err := f.GenericFlag.Apply(set)
	f.Value.(*list).inherited = true
	return err
}

// String implements cli.Flag: the line of --help.
func (f *listFlag) String() string { return cli.FlagStringer(f) }

// IsSliceFlag says for --help that the flag may be repeated.
func (f *listFlag) IsSliceFlag() bool { return true }

// list is the value of a listFlag.
type list struct {
	texts     []string
	check     func(string) error
	inherited bool // from the environment
}

// whole begins the text of a whole list, which the flag parser hands from a flag's name to its
// other names.
const whole = "\x00list:"

// Set implements cli.Generic: it appends.
func (l *list) Set(text string) error {
	if l.inherited {
		l.texts, l.inherited = nil, false
	}
	if rest, ok := strings.CutPrefix(text, whole); ok {
		l.texts = nil
		for part := range strings.SplitSeq(rest, ",") {
			raw, err := base64.StdEncoding.DecodeString(part)
			if err != nil {
				return err
			}
			l.texts = append(l.texts, string(raw))
		}
		return nil
	}
	if l.check != nil {
		if err := l.check(text); err != nil {
			return err
		}
	}
	l.texts = append(l.texts, text)
	return nil
}

// Serialize implements cli.Serializer.
func (l *list) Serialize() string {
	parts := make([]string, len(l.texts))
	for i, text := range l.texts {
		parts[i] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	return whole + strings.Join(parts, ",")
}

// Get implements flag.Getter.
func (l *list) Get() any { return l.texts }

// String implements cli.Generic.
func (l *list) String() string { return strings.Join(l.texts, ", ") }

// Expected says what a value may be.
func (l *list) Expected() string {
	if l.check != nil {
		return "a whole number"
	}
	return anyValue
}

func checkInt(text string) error {
	v, err := decimal.Int(text)
	if err == nil && int64(int(v)) != v {
		err = decimal.ErrRange
	}
	return err
}

// Texts returns the values of a flag that is repeated, as they were given.
func Texts(c *cli.Context, name string) []string {
	l, ok := c.Generic(name).(*list)
	if !ok {
		return nil
	}
	return l.texts
}

// Ints returns the values of a flag that is repeated with whole numbers.
func Ints(c *cli.Context, name string) []int {
	var out []int
	for _, text := range Texts(c, name) {
		v, err := decimal.Int(text)
		if err != nil {
			continue // Set has refused it
		}
		out = append(out, int(v))
	}
	return out
}
