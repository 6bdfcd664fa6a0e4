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
	takes := takesValue(cmd)
	flags, files := args[:2:2], []string(nil)
	for i := 2; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			files = append(files, args[i+1:]...)
			i = len(args)
		case isFlag(a):
			flags = append(flags, a)
			if takes[strings.TrimLeft(a, "-")] && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		default:
			files = append(files, a)
		}
	}
	return append(append(flags, "--"), files...)
}

// RepeatLists lets a flag that may be repeated take all arguments up to the next flag, as a shell
// makes them of --corpus texts/*.txt: the flag is put before each. Of a command that takes files
// this holds once the first of these is there, since an argument could be either. What follows --,
// and values behind =, are left alone, and so is args.
func RepeatLists(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args
	}
	takes := takesValue(cmd)
	repeatable := map[string]bool{}
	for _, f := range cmd.Flags {
		if _, list := f.(*listFlag); list {
			for _, name := range f.Names() {
				repeatable[name] = true
			}
		}
	}
	out := args[:2:2]
	filesLeft := cmd.ArgsUsage != ""
	for i := 2; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		out = append(out, a)
		name := strings.TrimLeft(a, "-")
		switch {
		case !isFlag(a):
			filesLeft = false
		case takes[name] && i+1 < len(args):
			i++
			out = append(out, args[i])
			for repeatable[name] && !filesLeft && i+1 < len(args) && !isFlag(args[i+1]) {
				i++
				out = append(out, a, args[i])
			}
		}
	}
	return out
}

// isFlag tells whether an argument is a flag, or the -- behind which there are none.
func isFlag(a string) bool { return len(a) > 1 && a[0] == '-' }

// takesValue says which flags of a command are followed by a value.
func takesValue(cmd *cli.Command) map[string]bool {
	takes := map[string]bool{}
	for _, f := range cmd.Flags {
		_, boolean := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			takes[name] = !boolean
		}
	}
	return takes
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
