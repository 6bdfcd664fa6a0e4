package commandline

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/decimal"
)

// Verbatim returns flags that take their values as they are written, also from the environment:
// numbers in decimal, where the parser of flags would take 010 for eight and refuse 08, and
// lists of texts with all their bytes, which a path may have. Single values are asked for as before,
// with cli.Context's Int, Int64, Uint64 and Float64; lists with Texts and Ints.
func Verbatim(flags []cli.Flag) []cli.Flag {
	out := make([]cli.Flag, len(flags))
	for i, f := range flags {
		g := &cli.GenericFlag{}
		switch f := f.(type) {
		case *cli.IntFlag:
			g.Name, g.Aliases, g.Usage, g.Category, g.EnvVars = f.Name, f.Aliases, f.Usage, f.Category, f.EnvVars
			g.Value = &wholeNumber{text: fmt.Sprint(f.Value)}
		case *cli.Int64Flag:
			g.Name, g.Aliases, g.Usage, g.Category, g.EnvVars = f.Name, f.Aliases, f.Usage, f.Category, f.EnvVars
			g.Value = &wholeNumber{text: fmt.Sprint(f.Value)}
		case *cli.Uint64Flag:
			g.Name, g.Aliases, g.Usage, g.Category, g.EnvVars = f.Name, f.Aliases, f.Usage, f.Category, f.EnvVars
			g.Value = &wholeNumber{text: fmt.Sprint(f.Value), unsigned: true}
		case *cli.Float64Flag:
			g.Name, g.Aliases, g.Usage, g.Category, g.EnvVars = f.Name, f.Aliases, f.Usage, f.Category, f.EnvVars
			g.Value = &number{text: fmt.Sprint(f.Value)}
		case *cli.StringSliceFlag:
			out[i] = newListFlag(f.Name, f.Aliases, f.Usage, f.Category, f.EnvVars, nil)
			continue
		case *cli.IntSliceFlag:
			out[i] = newListFlag(f.Name, f.Aliases, f.Usage, f.Category, f.EnvVars, checkInt)
			continue
		default:
			out[i] = f
			continue
		}
		out[i] = g
	}
	return out
}

// wholeNumber is the value of a flag: the number in decimal without zeros in front.
type wholeNumber struct {
	text     string
	unsigned bool
}

// Set implements cli.Generic. White space round the number is none of it: a variable that was read
// from a file ends with the file's line end.
func (w *wholeNumber) Set(text string) error {
	text = strings.TrimSpace(text)
	if w.unsigned {
		v, err := decimal.Uint(text)
		w.text = fmt.Sprint(v)
		return err
	}
	v, err := decimal.Int(text)
	w.text = fmt.Sprint(v)
	return err
}

// Get implements flag.Getter.
func (w *wholeNumber) Get() any { return w.text }

// String implements cli.Generic.
func (w *wholeNumber) String() string { return w.text }

// Expected says what the value may be.
func (w *wholeNumber) Expected() string {
	if w.unsigned {
		return "a whole number, 0 or more"
	}
	return "a whole number"
}

// number is the value of a flag: a number that may have a point.
type number struct{ text string }

// Set implements cli.Generic.
func (n *number) Set(text string) error {
	v, err := decimal.Float(strings.TrimSpace(text))
	n.text = strconv.FormatFloat(v, 'g', -1, 64)
	return err
}

// Get implements flag.Getter.
func (n *number) Get() any { return n.text }

// String implements cli.Generic.
func (n *number) String() string { return n.text }

// Expected says what the value may be.
func (n *number) Expected() string { return "a number" }
