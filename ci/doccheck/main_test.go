package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes a module of the files given, by their paths.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.org/m\n\ngo 1.26.0\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const hidden = `package hidden

type T struct{}

type I interface{ M() }

func (T) M() {}
`

// TestCleanModule: what need not have a comment, and where internal types may stand.
func TestCleanModule(t *testing.T) {
	dir := write(t, map[string]string{
		"internal/hidden/a.go": hidden,
		"cmd/a.go":             "package main\n\nfunc main() {}\n\nfunc Undocumented() {}\n",
		"open/a.go": `// Package open is documented.
package open

import (
	"io"
	"time"

	"example.org/m/internal/hidden"
)

// A group.
const (
	A = iota
	B
)

var (
	V int // a line
	w hidden.T
)

// S is a struct.
type S struct {
	X    io.Reader
	t    hidden.T
	next *S
}

// M is a method.
func (s *S) M(d time.Duration) *S { return s.next }

func (s *S) m(hidden.T) hidden.T { return s.t }

type own struct{ hidden.T }

// I is an interface.
type I interface {
	// F and G are in a group.
	F(S) error
	G()

	H() // a line
	h(hidden.T)
}

// Generic is generic.
type Generic[E any] struct{ list []E }

// Each is a method.
func (g Generic[E]) Each(func(E)) { _, _ = own{}, w }
`,
		"open/a_test.go":  "package open\n\nfunc Undocumented() {}\n",
		"tests/a_test.go": "package tests\n\nfunc Undocumented() {}\n",
	})
	wrong, n, err := check(dir, nil)
	if err != nil || len(wrong) > 0 || n != 1 {
		t.Errorf("found %d packages, error %v and the faults\n%s\nexpected 1 and none", n, err, strings.Join(wrong, "\n"))
	}
}

// TestPlantedFaults: each kind is found, and nothing else.
func TestPlantedFaults(t *testing.T) {
	const doc, head, use = "// Package open is documented.\n", "package open\n\n", "import \"example.org/m/internal/hidden\"\n\n"
	docs := func(name string) []string { return []string{name + " has no doc comment"} }
	leak := func(where, name string) []string {
		return []string{where + " has the internal type example.org/m/internal/hidden." + name + " in its signature"}
	}
	for text, want := range map[string][]string{
		head + "// F is documented.\nfunc F() {}\n":                                        {"the package has no doc comment"},
		doc + head + "func F() {}\n":                                                       docs("a.go:4: F"),
		doc + head + "const C = 1\n":                                                       docs("a.go:4: C"),
		doc + head + "var (\n\tV int\n)\n":                                                 docs("a.go:5: V"),
		doc + head + "type T struct{}\n":                                                   docs("a.go:4: T"),
		doc + head + "// T is documented.\ntype T struct{}\n\nfunc (*T) M() {}\n":          docs("a.go:7: T.M"),
		doc + head + "// T is documented.\ntype T[E any] struct{}\n\nfunc (T[E]) M() {}\n": docs("a.go:7: T.M"),
		doc + head + "// I is documented.\ntype I interface {\n\tF() // one\n\n\tG()\n}\n": docs("a.go:8: I.G"),

		doc + head + use + "// F is documented.\nfunc F(map[string][]*hidden.T) {}\n":                                leak("F", "T"),
		doc + head + use + "// F is documented.\nfunc F() func() (int, hidden.I) { return nil }\n":                   leak("F", "I"),
		doc + head + use + "// V is documented.\nvar V = hidden.T{}\n":                                               leak("V", "T"),
		doc + head + use + "// A is documented.\ntype A = hidden.T\n":                                                leak("A", "T"),
		doc + head + use + "// T is documented.\ntype T struct{ F chan hidden.T }\n":                                 leak("T.F", "T"),
		doc + head + use + "// T is documented.\ntype T struct{ hidden.T }\n":                                        leak("T.T", "T"),
		doc + head + use + "// T is documented.\ntype T struct{}\n\n// M is documented.\nfunc (*T) M(hidden.I) {}\n": leak("T.M", "I"),
		doc + head + use + "// I is documented.\ntype I interface{ hidden.I }\n":                                     leak("I", "I"),
		doc + head + use + "// T is documented.\ntype T[E hidden.I] struct{}\n":                                      leak("T", "I"),
		doc + head + use + "// F is documented.\nfunc F() *t { return nil }\n\ntype t struct{ F hidden.T }\n":        leak("F.F", "T"),
		doc + head + use + "// T is documented.\ntype T struct{ t }\n\ntype t struct{}\n\nfunc (t) M(hidden.T) {}\n": leak("T.M", "T"),
	} {
		dir := write(t, map[string]string{"internal/hidden/a.go": hidden, "open/a.go": text})
		wrong, _, err := check(dir, []string{"./open"})
		for i := range want {
			want[i] = "example.org/m/open: " + want[i]
		}
		if err != nil || !slices.Equal(wrong, want) {
			t.Errorf("%s\nfound %q, error %v, expected %q", text, wrong, err, want)
		}
	}
}

// TestNothingToCheck: a call that looks at no package passes nothing.
func TestNothingToCheck(t *testing.T) {
	dir := write(t, map[string]string{"internal/hidden/a.go": hidden})
	for _, packages := range [][]string{nil, {"./internal/hidden"}, {"./gone"}} {
		if _, _, err := check(dir, packages); err == nil {
			t.Errorf("%v: found no error", packages)
		}
	}
}
