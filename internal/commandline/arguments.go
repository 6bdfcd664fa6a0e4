// Package commandline puts right what the flag parser leaves to do: flags after arguments, underscores
// in names, complaints in one line, and what is missing or out of range.
package commandline

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// FlagsFirst returns the arguments, args[0] being the program, with the flags of a command that
// takes files or folders before these: the flag parser stops at the first argument that is none.
// What follows -- is left alone, and so is args.
func FlagsFirst(app *cli.App, args []string) []string {
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

// FoldUnderscores lets --max_steps stand for --max-steps. Values, and whatever follows --, are left
// alone, and so is args.
func FoldUnderscores(args []string) []string {
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
