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
		{"k: 010", new(10)}, {"k: 08", new(8)}, {"k: -010", new(int64(-10))}, {"k: 0010", new(uint64(10))}, {"k: 010.5", new(10.5)}, {"k: 010", new(10.)},
		{"k: 1_000", new(1000)}, {"k: !!binary Y2Fm6S50eHQ=", new("caf\xe9.txt")}, {"k: a\tb", new("a\tb")}, {"k: |\n  a\n", new("a\n")}, {"\ufeffk: 1", new(1)},
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
		{"k: -1", new(uint64), `f:1: k: found "-1", expected a whole number 0 to 18446744073709551615`},
		{"k: 99999999999999999999", new(int), `f:1: k: found "99999999999999999999", expected a whole number -9223372036854775808 to`},
		{"k: 0x10", new(int), `f:1: k: found "0x10", expected a whole number`}, {"k: 1,5", new(float64), "f:1: k: found \"1,5\", expected a number, with a point"},
		{"k: '3'", new(int), `f:1: k: found "3" in quotes, expected a whole number`}, {"k: *x", new(string), "f:1: k: found \"* ...\", which means something in YAML"},
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
		"\na: [\n": "f:2: found [ without ]", "a: 1\n\tb: 2\n": "f:2: found a tab before", "seed:3\n": "f:1: found \"seed:3\", expected `key: value`, with a blank behind the colon",
		"seed = 3\n": "f:1: found \"seed = 3\", expected `key: value`, with a colon", "a: b: c\n": "f:1: found a second colon", "a: 1\n  b: 2\n": "f:2: found \"b: 2\" deeper",
		"a: \"x\n": "f:1: found a \" without another", "a: @x\n": "f:1: found a value that begins with @", "a:\n- x\n-y\n": "f:3: found \"-y\", expected `- element`",
	} {
		if _, err := Parse("f", []byte(text)); !usage.Is(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: found %v, expected %s", text, err, want)
		}
	}
	if f, err := Parse("f", []byte("# nothing\n")); err != nil || len(f.Pairs) != 0 {
		t.Errorf("found %v, %v, expected no pair", f, err)
	}
}

// written is a struct as configurations are.
type written struct {
	Text string   `yaml:"text"`
	List []string `yaml:"list"`
}

// Whatever a text holds, it is written so that it is read back.
func TestEncode(t *testing.T) {
	for _, s := range oddTexts {
		sameTexts(t, s)
	}
	if text, err := Encode(written{"a.txt", []string{"b.txt"}}); err != nil || string(text) != "text: a.txt\nlist:\n- b.txt\n" {
		t.Errorf("found %q and error %v, expected plain texts where they will do", text, err)
	}
}

var oddTexts = []string{
	"", "tab\there", "blank ", " lead", "a: b", "#x", "x #y", "-", "- a", "caf\xe9", "'q'", `"d"`, "new\nline", "é😀", "\u00a0x", "\x1b", "true", "010", "1e3", "null", "~",
	"[a]", "{a}", "&a", "*a", "!x", "%x", "@x", "`x", "a,b", "x\r", "\u2028", "\ufeffx", `a\b`, ":", "?", "? a", "---", "...", ".inf", "\x7f", "\u0085", "\xff\xfe", "\x00", "!!binary YQ==",
}

func sameTexts(t *testing.T, s string) {
	t.Helper()
	text, err := Encode(written{s, []string{s, "x", s}})
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	f, err := Parse("f", text)
	if err != nil || len(f.Pairs) != 2 {
		t.Fatalf("%q, written as %q: found error %v", s, text, err)
	}
	var w written
	if err := f.Into(f.Pairs[0], &w.Text); err != nil || w.Text != s {
		t.Errorf("%q, written as %q: found %q and error %v", s, text, w.Text, err)
	}
	if err := f.Into(f.Pairs[1], &w.List); err != nil || !reflect.DeepEqual(w.List, []string{s, "x", s}) {
		t.Errorf("%q, written as %q: found %q and error %v", s, text, w.List, err)
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range oddTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { sameTexts(t, s) })
}

// Whatever a file holds, it is read or refused in one line.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a: 1\n", "a: [x, y]\n", "a:\n  b: c\n", "\t", "a: &x 1\nb: *x\n", "? a\n: b\n", "a: !!binary YQ==\n", "a: |\n x\n---\nb: 1", "\ufeffa: 010"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		y, err := Parse("f", data)
		if err != nil {
			if !usage.Is(err) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("found error %q, expected one line of usage", err)
			}
			return
		}
		for _, p := range y.Pairs {
			for _, to := range []any{new(string), new(bool), new(int), new(uint64), new(float64), new([]string)} {
				if err := y.Into(p, to); err != nil && (!usage.Is(err) || strings.Contains(err.Error(), "\n")) {
					t.Fatalf("found error %q, expected one line of usage", err)
				}
			}
		}
	})
}
