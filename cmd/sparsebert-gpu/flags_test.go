package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Every setting has a flag with its names, its variable, its default and its line of
// help.
func TestFlagsAreTheSettings(t *testing.T) {
	flags := configFlags(train.DefaultConfig(), settings.All())
	if len(flags) != len(settings.All())+1 {
		t.Fatalf("found %d flags, expected one for each of %d settings and --config", len(flags), len(settings.All()))
	}
	for i, s := range settings.All() {
		f := flags[i+1].(interface {
			cli.DocGenerationFlag
			cli.CategorizableFlag
		})
		if want := append([]string{s.Flag()}, s.Aliases...); !slices.Equal(f.Names(), want) {
			t.Errorf("%s: found the names %v, expected %v", s.Key, f.Names(), want)
		}
		if !slices.Equal(f.GetEnvVars(), []string{s.Environment()}) || f.GetUsage() != s.Usage() || f.GetCategory() != string(s.Group) {
			t.Errorf("%s: found the variables %v, usage %q and category %q, expected those of the table", s.Key, f.GetEnvVars(), f.GetUsage(), f.GetCategory())
		}
		want := fmt.Sprint(s.Default)
		switch s.Default.(type) {
		case []string, bool: // none is shown
			want = ""
		}
		if f.GetValue() != want {
			t.Errorf("%s: found the default %q, expected %q", s.Key, f.GetValue(), want)
		}
	}
}

// The other commands have the flags of those settings that the table gives them.
func TestFlagsOfOtherCommands(t *testing.T) {
	has := func(cmd *cli.Command, s settings.Setting) bool {
		return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && f.Names()[0] == s.Flag() && slices.Contains(d.GetEnvVars(), s.Environment())
		})
	}
	for _, c := range []struct {
		of  settings.Commands
		cmd *cli.Command
	}{{settings.Sweep, sweepCommand()}, {settings.Flops, flopsCommand()}, {settings.Import, importCommand()}} {
		for _, s := range settings.All() {
			if got, want := has(c.cmd, s), s.Commands&c.of != 0; got != want {
				t.Errorf("%s: found flag --%s %v, expected %v", c.cmd.Name, s.Flag(), got, want)
			}
		}
	}
	for _, cmd := range []*cli.Command{evalCommand(), benchCommand(), verifyCommand()} {
		for _, s := range settings.Of(settings.Device) {
			if !slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return f.Names()[0] == s.Flag() }) {
				t.Errorf("%s: found no flag --%s, expected one", cmd.Name, s.Flag())
			}
		}
	}
}

// A word that is none of an enumeration's is refused with those that are, wherever
// it is given.
func TestWordsOfEnumerations(t *testing.T) {
	for key, words := range map[string]string{
		"method": "dynamic, static, dense, partial", "growth": "random, gradient, fan-in, gradient-fan-in", "init": "truncated-normal, glorot",
		"partial_rest": "frozen, zero",
	} {
		s, _ := settings.Find(key)
		code, _, errs := invoke("train", "--"+s.Flag(), "rigl", "--output-dir", t.TempDir())
		if want := fmt.Sprintf(`train: --%s: found "rigl", expected one of %s; see`, s.Flag(), words); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("exit code %d: found %s, expected 2 and %s", code, errs, want)
		}
		t.Setenv(s.Environment(), "rigl")
		code, _, errs = invoke("train", "--output-dir", t.TempDir())
		if want := fmt.Sprintf(`environment variable %s: found "rigl", expected one of %s`, s.Environment(), words); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("exit code %d: found %s, expected 2 and %s", code, errs, want)
		}
		t.Setenv(s.Environment(), "")
	}
}
