package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/commandline"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// configVariable is the environment variable of --config.
const configVariable = settings.EnvironmentPrefix + "CONFIG"

// configFlags makes the flags of some settings, with the values of defaults, and
// --config.
func configFlags(defaults train.Config, of []settings.Setting) []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{
		Name: "config", Usage: "YAML `FILE` with the flags as keys; a flag is over the environment, the environment over the file",
		EnvVars: []string{configVariable}, Category: string(settings.Running),
	}}
	for _, s := range of {
		flags = append(flags, configFlag(s, &defaults))
	}
	return flags
}

// settingFlags makes the flags of some settings for a command that lists all of its
// flags together.
func settingFlags(of ...settings.Setting) []cli.Flag {
	defaults := train.DefaultConfig()
	flags := make([]cli.Flag, len(of))
	for i, s := range of {
		s.Group = ""
		flags[i] = configFlag(s, &defaults)
	}
	return flags
}

// settingFlag makes the flag of one setting for a command that takes few of them.
func settingFlag(key string) cli.Flag {
	s, ok := settings.Find(key)
	if !ok {
		panic("no setting " + key) // a fault of the caller, found by building the command
	}
	return settingFlags(s)[0]
}

// configFlag makes one setting's flag.
func configFlag(s settings.Setting, defaults *train.Config) cli.Flag {
	env, category := []string{s.Environment()}, string(s.Group)
	switch v := s.Value(defaults).(type) {
	case string:
		return &cli.StringFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: v}
	case bool:
		return &cli.BoolFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: v}
	case int:
		return &cli.IntFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: v}
	case int64:
		return &cli.Int64Flag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: v}
	case uint64:
		return &cli.Uint64Flag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: v}
	case float64:
		return &cli.Float64Flag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: v}
	case []string:
		return &cli.StringSliceFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env}
	default: // an enumeration
		return &cli.GenericFlag{
			Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage(), Category: category, EnvVars: env, Value: &word{s, fmt.Sprint(v)},
		}
	}
}

// word is the value of the flag of an enumeration.
type word struct {
	setting settings.Setting
	text    string
}

// Set implements cli.Generic.
func (w *word) Set(text string) error {
	var c train.Config
	if wrong := w.setting.Parse(&c, text); wrong != "" {
		return errors.New(wrong)
	}
	w.text = text
	return nil
}

// String implements cli.Generic.
func (w *word) String() string { return w.text }

// Expected says what the value may be.
func (w *word) Expected() string { return w.setting.Expected() }

// readConfig puts a configuration together: base, then the file of --config, then
// environment and flags of some settings.
func readConfig(c *cli.Context, base train.Config, of []settings.Setting) (train.Config, error) {
	config := base
	if path := c.String("config"); path != "" {
		if err := train.ReadConfigFile(path, &config); err != nil {
			return config, err
		}
	}
	for _, s := range of {
		if c.IsSet(s.Flag()) {
			readFlag(c, s, &config)
			s.MarkGiven(&config)
		}
	}
	return config, nil
}

// readFlag puts the value of a setting's flag into a configuration.
func readFlag(c *cli.Context, s settings.Setting, config *train.Config) {
	switch to := s.Pointer(config).(type) {
	case *bool:
		*to = c.Bool(s.Flag())
	case *int:
		*to = c.Int(s.Flag())
	case *int64:
		*to = c.Int64(s.Flag())
	case *uint64:
		*to = c.Uint64(s.Flag())
	case *float64:
		*to = c.Float64(s.Flag())
	case *[]string:
		*to = commandline.Texts(c, s.Flag())
	case *string:
		*to = c.String(s.Flag())
	default:
		s.Parse(config, c.String(s.Flag())) // which word.Set has tried
	}
}

// checkpointFlag is --checkpoint of the commands that read one.
func checkpointFlag() cli.Flag {
	return &cli.StringFlag{Name: "checkpoint", Usage: "step-N folder, or a run folder: its newest good checkpoint"}
}

// outputFlag is --output-dir of the commands that write a new folder.
func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output-dir", Aliases: []string{"out", "o"}, Usage: "folder to write, new or empty"}
}

// jsonFlag is --json of the commands that can print for machines.
func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }
