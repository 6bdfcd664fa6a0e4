package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// configVariable is the environment variable of --config.
const configVariable = train.EnvironmentPrefix + "CONFIG"

// configFlags makes the flags of the settings that keep accepts, with the values
// of defaults, and --config.
func configFlags(defaults train.Config, keep func(train.Setting) bool) []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{
		Name: "config", Usage: "YAML `FILE` with the flags as keys; a flag is over the environment, the environment over the file",
		EnvVars: []string{configVariable}, Category: train.CategoryRunning,
	}}
	for _, s := range train.Settings() {
		if keep(s) {
			flags = append(flags, configFlag(s, &defaults))
		}
	}
	return flags
}

// settingFlag makes the flag of one setting for a command that takes few of them.
func settingFlag(key string) cli.Flag {
	defaults := train.DefaultConfig()
	for _, s := range train.Settings() {
		if s.Key == key {
			s.Category = "" // in the one list of the command's flags
			return configFlag(s, &defaults)
		}
	}
	panic("no setting " + key) // a fault of the caller, found by building the command
}

// allSettings keeps every setting.
func allSettings(train.Setting) bool { return true }

// configFlag makes one setting's flag.
func configFlag(s train.Setting, defaults *train.Config) cli.Flag {
	env := []string{s.Environment()}
	switch v := s.Value(defaults).(type) {
	case *string:
		return &cli.StringFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env, Value: *v}
	case *bool:
		return &cli.BoolFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env, Value: *v}
	case *int:
		return &cli.IntFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env, Value: *v}
	case *int64:
		return &cli.Int64Flag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env, Value: *v}
	case *uint64:
		return &cli.Uint64Flag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env, Value: *v}
	case *float64:
		return &cli.Float64Flag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env, Value: *v}
	case *[]string:
		return &cli.StringSliceFlag{Name: s.Flag(), Aliases: s.Aliases, Usage: s.Usage, Category: s.Category, EnvVars: env}
	default:
		panic(fmt.Sprintf("setting %s has a value of type %T", s.Key, v)) // a fault of the table; TestEverySettingHasAFlag finds it
	}
}

// readConfig puts a configuration together: base, then the file of --config,
// then environment and flags.
func readConfig(c *cli.Context, base train.Config, keep func(train.Setting) bool) (train.Config, error) {
	config := base
	if path := c.String("config"); path != "" {
		if err := train.ReadConfigFile(path, &config); err != nil {
			return config, err
		}
	}
	for _, s := range train.Settings() {
		if !keep(s) || !c.IsSet(s.Flag()) {
			continue
		}
		switch v := s.Value(&config).(type) {
		case *string:
			*v = c.String(s.Flag())
		case *bool:
			*v = c.Bool(s.Flag())
		case *int:
			*v = c.Int(s.Flag())
		case *int64:
			*v = c.Int64(s.Flag())
		case *uint64:
			*v = c.Uint64(s.Flag())
		case *float64:
			*v = c.Float64(s.Flag())
		case *[]string:
			*v = c.StringSlice(s.Flag())
		}
	}
	return config, nil
}
