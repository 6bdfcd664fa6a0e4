package strictyaml

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// pair returns the one pair of a file.
func pair(t *testing.T, text string) (*File, Pair) {
	t.Helper()
	f, err := Parse("f", []byte(text))
	if err != nil || len(f.Pairs) != 1 {
		t.Fatalf("%q: found %v, %v, expected one pair", text, f, err)
	}
	return f, f.Pairs[0]
}

func TestInto(t *testing.T) {
	for _, c := range []struct {
		text string
		to   any // set to what is expected
	}{
		{"k: word", new("word")}, {"k: \"3\"", new("3")}, {"k: true", new(true)}, {"k: 7", new(7)}, {"k: -7", new(int64(-7))},
		{"k: 18446744073709551615", new(uint64(1<<64 - 1))}, {"k: 1e-07", new(1e-07)}, {"k: 2", new(2.)}, {"k: [a, \"3\"]", new([]string{"a", "3"})},
	} {
		f, p := pair(t, c.text)
		got := reflect.New(reflect.TypeOf(c.to).Elem()).Interface()
		if err := f.Into(p, got); err != nil || !reflect.DeepEqual(got, c.to) {
			t.Errorf("%s: found %v, %v, expected %v", c.text, reflect.ValueOf(got).Elem(), err, reflect.ValueOf(c.to).Elem())
		}
	}
	for _, c := range []struct {
		text string
		to   any
		want string
	}{
		{"k: 3", new(string), `f:1: k: found "3", expected text (a number in quotes)`},
		{"k: 2.5", new(int), `f:1: k: found "2.5", expected a whole number`},
		{"k: -1", new(uint64), "f:1: "},
		{"k: 99999999999999999999", new(int), "f:1: "},
		{"k: yes", new(bool), `f:1: k: found "yes", expected true or false`},
		{"k:", new(float64), "f:1: k: found nothing, expected a number"},
		{"k: [a, 3]", new([]string), "f:1: k: found a list, expected a list of texts"},
		{"k: {a: b}", new(string), "f:1: k: found a mapping, expected text"},
	} {
		f, p := pair(t, c.text)
		if err := f.Into(p, c.to); !usage.Is(err) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: found %v, expected one line that begins with %s", c.text, err, c.want)
		}
	}
}

func TestMappingAndList(t *testing.T) {
	f, p := pair(t, "k:\n  a: 1\n  b: [x, y]\n")
	inner, err := f.Mapping(p)
	if err != nil || len(inner) != 2 || inner[0].Key != "a" || inner[1].Line != 3 || inner[0].IsList() || !inner[1].IsList() {
		t.Fatalf("found %v, %v, expected a and b, the second on line 3 and a list", inner, err)
	}
	list, err := f.List(inner[1])
	if err != nil || len(list) != 2 || list[1].Key != "b" {
		t.Fatalf("found %v, %v, expected two elements of b", list, err)
	}
	if text, err := f.Text(list[1]); err != nil || text != "y" {
		t.Errorf("found %q, %v, expected y", text, err)
	}
	for name, err := range map[string]error{
		"f:2: a: found \"1\", expected a mapping": second(f.Mapping(inner[0])), "f:2: a: found \"1\", expected a list": second(f.List(inner[0])),
		"f:2: a: found \"1\", expected text": second(f.Text(inner[0])),
	} {
		if !usage.Is(err) || err.Error() != name {
			t.Errorf("found %v, expected %s", err, name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\na: 2\n": `f:2: found key "a" again, first on line 1`, "a: 1\n---\nb: 2\n": "f:3: found a second document",
		"- a\n": "f:1: found a list", "1: a\n": `f:1: found key "1", expected a plain one`, "a: \"\x00\"\n": "f:1: found binary data at byte 4",
		"\na: [\n": "f:",
	} {
		if _, err := Parse("f", []byte(text)); !usage.Is(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: found %v, expected %s", text, err, want)
		}
	}
	if f, err := Parse("f", []byte("# nothing\n")); err != nil || len(f.Pairs) != 0 {
		t.Errorf("found %v, %v, expected no pair", f, err)
	}
}
