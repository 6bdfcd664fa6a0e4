package settings

import (
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Condition says when a run has a use for a setting.
type Condition interface {
	// holds tells whether it is so for a configuration.
	holds(config any) bool
	// String says it in words.
	String() string
}

// UsedBy tells whether a run of a configuration has a use for the setting.
func (s Setting) UsedBy(config any) bool { return s.Used == nil || s.Used.holds(config) }

// is is the condition that a setting has one of some values.
type is struct {
	key    string
	values []any
}

func (c is) holds(config any) bool {
	s, _ := Find(c.key)
	for _, v := range c.values {
		if s.Value(config) == v {
			return true
		}
	}
	return false
}

func (c is) String() string {
	return strings.ReplaceAll(c.key, "_", " ") + " " + joined(c.values, " or ")
}

// growth is the condition that the growth has a property.
type growth func(g sparse.Growth) bool

func (has growth) holds(config any) bool {
	s, _ := Find("growth")
	g, _ := s.Value(config).(sparse.Growth)
	return has(g)
}

func (has growth) String() string {
	var list []sparse.Growth
	for _, g := range sparse.Growths() {
		if has(g) {
			list = append(list, g)
		}
	}
	return "growth " + joined(list, " or ")
}

// given is the condition that a setting, a text, is not empty.
type given string

func (c given) holds(config any) bool {
	s, _ := Find(string(c))
	return s.Value(config) != ""
}

func (c given) String() string { return strings.ReplaceAll(string(c), "_", " ") + " is given" }

// all is the condition that each of some holds.
type all []Condition

func (c all) holds(config any) bool {
	for _, one := range c {
		if !one.holds(config) {
			return false
		}
	}
	return true
}

func (c all) String() string { return joined(c, " where ") }

// some is the condition that at least one of some holds.
type some []Condition

func (c some) holds(config any) bool {
	for _, one := range c {
		if one.holds(config) {
			return true
		}
	}
	return false
}

func (c some) String() string { return joined(c, "; ") }

// joined writes a list with something between its elements.
func joined[E any](list []E, between string) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = fmt.Sprint(e)
	}
	return strings.Join(texts, between)
}
