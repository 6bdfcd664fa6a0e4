package settings

import (
	"encoding"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/strictyaml"
)

// Parse reads the text of a configuration file over what config has; name stands
// for the file in errors. Keys are those of the table. An unknown key, a key given
// twice, a value of the wrong type or out of its range is usage.Err and names file,
// line and key; config is then half read. A file that has every setting is a run's own
// config.yaml: it says what was worked out, so none of its settings counts as given.
func Parse(name string, data []byte, config any) error {
	f, err := strictyaml.Parse(name, data)
	if err != nil {
		return err
	}
	before, missing := *givenKeys(config), len(table)
	for _, s := range table {
		if s.OmitEmpty {
			missing--
		}
	}
	for _, p := range f.Pairs {
		g, err := Read(f, p)
		if err != nil {
			return err
		}
		if err := g.Apply(config); err != nil {
			return err
		}
		if !g.OmitEmpty {
			missing--
		}
	}
	if missing == 0 {
		*givenKeys(config) = before
	}
	return nil
}

// Given is a setting with the value that a file gives it.
type Given struct {
	Setting
	Line int
	pair strictyaml.Pair
	file *strictyaml.File
}

// Read checks that a pair is a setting with a value of its type.
func Read(f *strictyaml.File, p strictyaml.Pair) (Given, error) {
	s, ok := Find(p.Key)
	if !ok {
		return Given{}, f.Errorf(p.Line, "found unknown key %.80q, expected the name of a flag of train, with _ for -%s", p.Key, Suggest(p.Key))
	}
	return Given{s, p.Line, p, f}, f.Check(p, s.scalar())
}

// scalar returns a pointer to what the setting's value is in a file: a text, where
// it is an enumeration.
func (s Setting) scalar() any {
	switch s.Default.(type) {
	case encoding.TextMarshaler, string:
		return new(string)
	case bool:
		return new(bool)
	case int:
		return new(int)
	case int64:
		return new(int64)
	case uint64:
		return new(uint64)
	case float64:
		return new(float64)
	case []string:
		return new([]string)
	}
	panic(fmt.Sprintf("setting %s has a value of type %T", s.Key, s.Default)) // a fault of the table; its tests find it
}

// Apply puts the value into config. A value out of its range is an error, after
// which config must not be used.
func (g Given) Apply(config any) error {
	wrong := ""
	if _, enumeration := g.Default.(encoding.TextMarshaler); enumeration {
		word, err := g.file.Text(g.pair)
		if err != nil {
			return err
		}
		wrong = g.Parse(config, word)
	} else {
		if err := g.file.Into(g.pair, g.Pointer(config)); err != nil {
			return err
		}
		wrong = g.Wrong(config)
	}
	if wrong != "" {
		return g.file.Errorf(g.Line, "%s: %s", g.Key, wrong)
	}
	g.MarkGiven(config)
	return nil
}

// Short writes the value as its type does: 1e-3 and 0.001 are one value. It is ""
// for a list.
func (g Given) Short(config any) string {
	switch v := g.Value(config).(type) {
	case []string:
		return ""
	case float64:
		return fmt.Sprintf("%.10g", v)
	default:
		return fmt.Sprint(v)
	}
}
