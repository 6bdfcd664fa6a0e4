package commandline_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// program is a program with one command that takes files and one that does not. check is what
// both do.
func program(check func(c *cli.Context) error) *cli.App {
	app := &cli.App{
		Name: "p", Writer: io.Discard, ErrWriter: io.Discard, HideHelpCommand: true,
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			{Name: "sweep", ArgsUsage: "FILE", Action: check, Flags: []cli.Flag{
				&cli.StringFlag{Name: "out", Aliases: []string{"o"}},
				&cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Value: 1},
				&cli.BoolFlag{Name: "list"},
				&cli.StringSliceFlag{Name: "corpus", Aliases: []string{"c"}},
			}},
			{Name: "train", Action: check, Flags: []cli.Flag{
				&cli.Int64Flag{Name: "max-steps"},
				&cli.Float64Flag{Name: "lr", EnvVars: []string{"TEST_LR"}},
				&cli.Uint64Flag{Name: "seed"},
				&cli.BoolFlag{Name: "resume"},
				&cli.StringSliceFlag{Name: "corpus", Aliases: []string{"c"}},
			}},
		},
	}
	app.OnUsageError = commandline.OnUsageError
	for _, cmd := range app.Commands {
		cmd.Flags = commandline.Verbatim(cmd.Flags)
		cmd.OnUsageError = commandline.OnUsageError
	}
	return app
}

func TestFlagsFirst(t *testing.T) {
	app := program(nil)
	for in, want := range map[string]string{
		"p sweep f --out d --list g": "p sweep --out d --list -- f g",
		"p sweep --out=d f -j 2":     "p sweep --out=d -j 2 -- f",
		"p sweep f --out":            "p sweep --out -- f",
		"p sweep --list -- --f":      "p sweep --list -- --f",
		"p train x --seed 3":         "p train x --seed 3",
		"p none x --seed 3":          "p none x --seed 3",
		"p":                          "p",
	} {
		args := strings.Fields(in)
		if got := strings.Join(commandline.FlagsFirst(app, args), " "); got != want {
			t.Errorf("%s: found %s, expected %s", in, got, want)
		}
		if !slices.Equal(args, strings.Fields(in)) {
			t.Errorf("%s: found the arguments changed: %v", in, args)
		}
	}
}

func TestRepeatLists(t *testing.T) {
	app := program(nil)
	for in, want := range map[string]string{
		"p train --corpus a b c --resume":     "p train --corpus a --corpus b --corpus c --resume",
		"p train -c a b --lr 1 x":             "p train -c a -c b --lr 1 x",
		"p train --corpus":                    "p train --corpus",
		"p train --corpus=a b":                "p train --corpus=a b",
		"p train --resume a":                  "p train --resume a",
		"p train --corpus a -- b c":           "p train --corpus a -- b c",
		"p train --corpus a b --corpus c":     "p train --corpus a --corpus b --corpus c",
		"p sweep f --corpus a b --list":       "p sweep f --corpus a --corpus b --list",
		"p sweep --corpus a f --out d":        "p sweep --corpus a f --out d",
		"p sweep --corpus a f --corpus b c g": "p sweep --corpus a f --corpus b --corpus c --corpus g",
		"p none --corpus a b":                 "p none --corpus a b",
		"p":                                   "p",
	} {
		args := strings.Fields(in)
		if got := strings.Join(commandline.RepeatLists(app, args), " "); got != want {
			t.Errorf("%s: found %s, expected %s", in, got, want)
		}
		if !slices.Equal(args, strings.Fields(in)) {
			t.Errorf("%s: found the arguments changed: %v", in, args)
		}
	}
}

func TestFoldUnderscores(t *testing.T) {
	args := strings.Fields("a_b train --max_steps 3 --a_b=c_d -x_y e_f -- --g_h")
	before := slices.Clone(args)
	want := strings.Fields("a_b train --max-steps 3 --a-b=c_d -x_y e_f -- --g_h")
	if got := commandline.FoldUnderscores(args); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
	if !slices.Equal(args, before) {
		t.Errorf("found the arguments changed: %v", args)
	}
}

// Each complaint is one line that says where, what was found and what was expected.
func TestOnUsageError(t *testing.T) {
	t.Setenv("TEST_LR", "")
	for in, want := range map[string]string{
		"--nothing":              "found unknown flag --nothing, expected a known one; see `sparsebert-gpu --help`",
		"train --stesp 3":        "train: found unknown flag --stesp, expected a known one; see `sparsebert-gpu train --help`",
		"train -q":               "train: found unknown flag -q, expected a known one; see `sparsebert-gpu train --help`",
		"train --max-steps":      "train: no value given for --max-steps, expected a whole number; see `sparsebert-gpu train --help`",
		"train --max-steps many": `train: --max-steps: found "many", expected a whole number; see ` + "`sparsebert-gpu train --help`",
		"train --lr=fast":        `train: --lr: found "fast", expected a number; see ` + "`sparsebert-gpu train --help`",
		"train --seed=-1":        `train: --seed: found "-1", expected a whole number, 0 or more; see ` + "`sparsebert-gpu train --help`",
		"train --resume=maybe":   `train: --resume: found "maybe", expected true or false; see ` + "`sparsebert-gpu train --help`",
		"sweep -o":               "sweep: no value given for -o; see `sparsebert-gpu sweep --help`",
	} {
		err := program(nil).Run(append([]string{"p"}, strings.Fields(in)...))
		if !usage.Is(err) || err.Error() != want {
			t.Errorf("%s: found error %v, expected %s", in, err, want)
		}
	}
	t.Setenv("TEST_LR", "fast")
	err := program(nil).Run([]string{"p", "train"})
	if want := `train: environment variable TEST_LR: found "fast", expected a number; see ` + "`sparsebert-gpu train --help`"; !usage.Is(err) || err.Error() != want {
		t.Errorf("found error %v, expected %s", err, want)
	}
}

func TestRequire(t *testing.T) {
	check := func(c *cli.Context) error {
		if err := commandline.NoStrayArguments(c); err != nil {
			return err
		}
		if c.Command.Name != "sweep" {
			return nil
		}
		if err := commandline.Require(c, "out"); err != nil {
			return err
		}
		return commandline.RequireRange(c, 1, 4, "jobs")
	}
	for in, want := range map[string]string{
		"p train":           "",
		"p train more":      `train: found argument "more", expected flags only`,
		"p sweep":           "sweep: no --out given",
		"p sweep --out=":    "sweep: no path given for --out",
		"p sweep --out d f": "", "p sweep --out d --jobs 04": "",
		"p sweep --out d --jobs 0": "sweep: --jobs: found 0, expected 1 to 4",
		"p sweep --out d -j 5":     "sweep: --jobs: found 5, expected 1 to 4",
	} {
		err := program(check).Run(strings.Fields(in))
		if want == "" && err == nil {
			continue
		}
		if !usage.Is(err) || err.Error() != want {
			t.Errorf("%s: found error %v, expected %q", in, err, want)
		}
	}
}

func TestNoUnknownVariables(t *testing.T) {
	known := settings.All()[0].Environment()
	for variable, want := range map[string]bool{
		known: true, "SPARSEBERT_CONFIG": true, "HOME": true, "XSPARSEBERT_A": true, "SPARSEBERT_LERNING_RATE": false, "SPARSEBERT_": false,
	} {
		err := commandline.NoUnknownVariables([]string{"PATH=/bin", variable + "=1"}, "SPARSEBERT_CONFIG")
		if (err == nil) != want || err != nil && (!usage.Is(err) || !strings.Contains(err.Error(), variable+",")) {
			t.Errorf("%s: found error %v, expected none: %v", variable, err, want)
		}
	}
}

// A cluster with a service called sparsebert puts its address into every container.
func TestVariablesOfKubernetes(t *testing.T) {
	for _, variable := range []string{
		"SPARSEBERT_PORT=tcp://10.0.0.7:80", "SPARSEBERT_SERVICE_HOST=10.0.0.7", "SPARSEBERT_SERVICE_PORT=80", "SPARSEBERT_SERVICE_PORT_HTTP_METRICS=80",
		"SPARSEBERT_PORT_80_TCP=tcp://10.0.0.7:80", "SPARSEBERT_PORT_80_TCP_PROTO=tcp", "SPARSEBERT_PORT_80_TCP_PORT=80", "SPARSEBERT_PORT_80_TCP_ADDR=10.0.0.7",
		"SPARSEBERT_GPU_METRICS_SERVICE_HOST=10.0.0.7", "SPARSEBERT_GPU_METRICS_PORT_53_UDP=udp://10.0.0.7:53",
	} {
		if err := commandline.NoUnknownVariables([]string{variable}); err != nil {
			t.Errorf("%s: found error %v, expected none", variable, err)
		}
	}
	for variable, want := range map[string]string{
		"SPARSEBERT_PORT=80": "SPARSEBERT_PORT,", "SPARSEBERT_MAX_STEP=5": "did you mean SPARSEBERT_MAX_STEPS?", "SPARSEBERT_LERNING_RATE=1": "did you mean SPARSEBERT_LEARNING_RATE?",
		"SPARSEBERT_maxsteps=1": "did you mean SPARSEBERT_MAX_STEPS?", "SPARSEBERT_QWERTYUIOP=1": "with _ for -", "SPARSEBERT_SERVICE=1": "SPARSEBERT_SERVICE,",
	} {
		if err := commandline.NoUnknownVariables([]string{variable}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found error %v, expected one that says %q", variable, err, want)
		}
	}
}

// Numbers are decimal and texts stay as they are, in flags and in the environment.
func TestVerbatim(t *testing.T) {
	t.Setenv("TEST_SEED", "010\n") // as from a file
	t.Setenv("TEST_RATE", " 010.5")
	t.Setenv("TEST_LIST", "of the environment")
	var got string
	run := func(args ...string) error {
		app := &cli.App{Writer: io.Discard, ErrWriter: io.Discard, DisableSliceFlagSeparator: true, Flags: commandline.Verbatim([]cli.Flag{
			&cli.Float64Flag{Name: "f", Value: 0.5, EnvVars: []string{"TEST_RATE"}}, &cli.IntFlag{Name: "a", Aliases: []string{"x"}, Value: 3}, &cli.Int64Flag{Name: "b", Value: 4}, &cli.Uint64Flag{Name: "c", EnvVars: []string{"TEST_SEED"}},
			&cli.StringSliceFlag{Name: "d", Aliases: []string{"y"}, EnvVars: []string{"TEST_LIST"}}, &cli.IntSliceFlag{Name: "e", Aliases: []string{"z"}},
		}), Action: func(c *cli.Context) error {
			got = fmt.Sprintf("%v %d %d %d %q %d %v %v", c.Float64("f"), c.Int("a"), c.Int64("b"), c.Uint64("c"), commandline.Texts(c, "d"), commandline.Ints(c, "e"), c.IsSet("a"), c.IsSet("b"))
			return nil
		}}
		return app.Run(append([]string{"p"}, args...))
	}
	if err := run("-x", "010", "-y", " a ", "-y", "b,c", "-y", "caf\xe9", "--e", "016", "--e", "08"); err != nil {
		t.Fatal(err)
	}
	if want := `10.5 10 4 10 [" a " "b,c" "caf\xe9"] [16 8] true false`; got != want {
		t.Errorf("found %s, expected %s", got, want)
	}
	if err := run(); err != nil || !strings.Contains(got, `["of the environment"]`) {
		t.Errorf("found %s and error %v, expected the list of the environment", got, err)
	}
	for _, value := range []string{"0x10", "1e3", "99999999999999999999", "-"} {
		if err := run("--a", value); err == nil {
			t.Errorf("found no error for %q", value)
		}
		if err := run("--f", value); (err == nil) != (value[0] == '9' || value == "1e3") {
			t.Errorf("a number: found error %v for %q", err, value)
		}
	}
}
