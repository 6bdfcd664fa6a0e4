package settings

import (
	"reflect"
	"slices"
)

// givenField is the field of a configuration that has the keys of the settings that
// the user gave.
const givenField = "Given"

// MarkGiven notes in a configuration that the user gave the setting, whatever the
// value: one that equals the default is given too. Copies of the configuration that
// were made before do not see it.
func (s Setting) MarkGiven(config any) {
	keys := givenKeys(config)
	if slices.Contains(*keys, s.Key) {
		return
	}
	*keys = append(slices.Clip(*keys), s.Key)
}

// IsGiven tells whether the user gave the setting of a key.
func IsGiven(config any, key string) bool { return slices.Contains(*givenKeys(config), key) }

func givenKeys(config any) *[]string {
	return reflect.ValueOf(config).Elem().FieldByName(givenField).Addr().Interface().(*[]string)
}
