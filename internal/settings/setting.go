// Package settings is the table of the settings of a training run. From one row come
// a field of train.Config, a flag, a key of configuration and sweep files, an
// environment variable, the check of the value with its message, the line of --help
// and the row of docs/settings.md.
//
// A configuration is passed as a pointer to a struct with the fields that the table
// names: a *train.Config. (Package train reads the table, so the table does not
// know the type.)
//
//	for _, s := range settings.All() {
//		fmt.Println(s.Flag(), s.Usage(), s.Pointer(&config))
//	}
package settings

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Setting is one row of the table.
type Setting struct {
	Key     string // in files, with _
	Field   string // of train.Config
	Aliases []string
	Group   Group
	// Default has the type of the field: string, bool, int, int64, uint64, float64,
	// []string, or an enumeration that marshals as text.
	Default any
	Help    string // what it is, for --help and all that is made from the table
	Range   *Range // of numbers; nil: any, or what a model can have
	// Words are all that a text may be beside its default; nil: any. Those of an enumeration are its
	// own.
	Words    []string
	Meanings []Meaning // of values with a meaning of their own
	Commands Commands
	// Running settings say how a run is carried out, not what it computes; they
	// may differ when a run is resumed.
	Running bool
	// Path settings name files. What these hold determines the numbers, not where
	// they are: a run that is resumed compares fingerprints of the text, and may
	// name other paths.
	Path bool
	// OmitEmpty settings stand in no file and no hash where they are empty, as in those of
	// programs that did not have them.
	OmitEmpty bool
	// Used says when a run has a use for the setting; nil: always.
	Used Condition
	// RunName is what stands in front of the value in the name of a sweep's run;
	// Alone: nothing, "": the key.
	RunName string
}

// Group is a part of the table; its number gives the order of --help.
type Group string

// The groups.
const (
	Model    Group = "1. model"
	Data     Group = "2. data"
	Sparsity Group = "3. sparsity"
	Optim    Group = "4. optimization"
	Running  Group = "5. running"
)

// Commands are the commands that have a flag for a setting. All are settings of
// train.
type Commands uint8

// The commands. SweepFile is none: a sweep's file may have the setting.
const (
	Sweep Commands = 1 << iota
	SweepFile
	Flops
	Import
	Device // every command that runs on a device
)

// Alone is the RunName of settings whose values need no name.
const Alone = "-"

// Meaning is a value that stands for something else.
type Meaning struct {
	Value float64
	Is    string
}

// EnvironmentPrefix is what the names of all environment variables begin with.
const EnvironmentPrefix = "SPARSEBERT_"

// All returns the table, in the order of --help, of the fields of train.Config and
// of the keys in files.
func All() []Setting { return slices.Clone(table) }

// Find returns the setting of a key.
func Find(key string) (Setting, bool) {
	i := slices.IndexFunc(table, func(s Setting) bool { return s.Key == key })
	if i < 0 {
		return Setting{}, false
	}
	return table[i], true
}

// Of returns the settings that one of the commands has, in the table's order.
func Of(c Commands) []Setting {
	return slices.DeleteFunc(All(), func(s Setting) bool { return s.Commands&c == 0 })
}

// Flag returns the name of the setting's flag.
func (s Setting) Flag() string { return strings.ReplaceAll(s.Key, "_", "-") }

// Environment returns the name of the setting's environment variable.
func (s Setting) Environment() string { return EnvironmentPrefix + strings.ToUpper(s.Key) }

// Pointer returns the address of the setting's field in a configuration.
func (s Setting) Pointer(config any) any {
	return reflect.ValueOf(config).Elem().FieldByName(s.Field).Addr().Interface()
}

// Value returns what a configuration has.
func (s Setting) Value(config any) any { return reflect.ValueOf(s.Pointer(config)).Elem().Interface() }

// Copy sets the setting in a configuration to what another one of the same type has.
func (s Setting) Copy(to, from any) {
	reflect.ValueOf(s.Pointer(to)).Elem().Set(reflect.ValueOf(s.Value(from)))
}

// Text writes the value as JSON; no list and an empty one are the same.
func (s Setting) Text(config any) (string, error) {
	value := s.Value(config)
	if list, ok := value.([]string); ok && len(list) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", s.Key, err)
	}
	return string(text), nil
}

// Usage returns the setting's line in --help.
func (s Setting) Usage() string {
	text := s.Help
	if words := s.words(); len(words) > 0 {
		text = strings.Join(words, "|")
		if s.Help != "" {
			text += ": " + s.Help
		}
	}
	if meanings := s.meanings(); meanings != "" {
		text += " (" + meanings + ")"
	}
	return text
}

// meanings lists the values that stand for something else.
func (s Setting) meanings() string {
	var out []string
	for _, m := range s.Meanings {
		out = append(out, Number(m.Value)+": "+m.Is)
	}
	return strings.Join(out, ", ")
}

// Defaults sets every setting of a configuration to its default.
func Defaults(config any) {
	for _, s := range table {
		if s.Default != nil {
			reflect.ValueOf(s.Pointer(config)).Elem().Set(reflect.ValueOf(s.Default))
		}
	}
}
