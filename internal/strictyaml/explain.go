package strictyaml

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// wrong puts an error of the YAML library into one line that says what to mend.
func (y *File) wrong(err error) error {
	line, said := 1, err.Error()
	if located, ok := errors.AsType[yaml.Error](err); ok {
		said = located.GetMessage()
		if tok := located.GetToken(); tok != nil && tok.Position != nil {
			line = tok.Position.Line
		}
	}
	if at := y.tabbed(); at > 0 {
		return y.Errorf(at, "found a tab before %.80q, expected blanks: YAML does not indent with tabs", strings.TrimSpace(y.line(at)))
	}
	if strings.Contains(said, "mapping value is not allowed") {
		if !twoColons.MatchString(strings.TrimSpace(y.line(line))) && indent(y.line(line+1)) > indent(y.line(line)) {
			return y.Errorf(line+1, "found %.80q deeper than the line before, expected all keys at one depth", strings.TrimSpace(y.line(line+1)))
		}
		return y.Errorf(line, "found a second colon in %.80q, expected a value with a colon in quotes", strings.TrimSpace(y.line(line)))
	}
	found := strings.TrimSpace(y.line(line))
	for _, e := range explanations {
		if strings.Contains(said, e.said) {
			return y.Errorf(line, "found %s in %.80q, expected %s", e.found, found, e.expected)
		}
	}
	if expected := notAPair(found); expected != "" {
		return y.Errorf(line, "found %.80q, expected %s", found, expected)
	}
	said, _, _ = strings.Cut(said, "\n")
	return y.Errorf(line, "found %.80q, expected `key: value` in YAML (%.80s)", found, said)
}

// explanations are what the library says, and the same for people.
var explanations = []struct{ said, found, expected string }{
	{"end token ']' not found", "[ without ]", "both"},
	{"end token '}'", "{ without }", "both"},
	{"end character of double-quoted", `a " without another`, "both"},
	{"end character of single-quoted", "a ' without another", "both, and '' for one inside"},
	{"is a reserved character", "a value that begins with @ or `", "it in quotes"},
	{"directive", "a value that begins with %", "it in quotes"},
}

var (
	twoColons  = regexp.MustCompile(`^[^:#]+:\s.*:(\s|$)`)
	closeColon = regexp.MustCompile(`^[A-Za-z_]+:\S`)
	equals     = regexp.MustCompile(`^[A-Za-z_]+\s*=`)
	closeDash  = regexp.MustCompile(`^-[^\s-]`)
)

// notAPair says what to mend in a line that is no pair, "" where it does not show.
func notAPair(line string) string {
	switch {
	case closeColon.MatchString(line):
		return "`key: value`, with a blank behind the colon"
	case equals.MatchString(line):
		return "`key: value`, with a colon"
	case closeDash.MatchString(line):
		return "`- element`, with a blank behind the dash"
	}
	return ""
}

// tabbed returns the first line that a tab indents, 0 where there is none.
func (y *File) tabbed() int {
	n := 0
	for line := range strings.Lines(string(y.data)) {
		n++
		if rest := strings.TrimLeft(line, " "); strings.HasPrefix(rest, "\t") && strings.TrimSpace(rest) != "" {
			return n
		}
	}
	return 0
}

// line returns line n, counted from 1.
func (y *File) line(n int) string {
	lines := strings.Split(string(y.data), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

// indent returns the blanks before a line.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// pairExpected says what is expected where a file has text and no pair.
func (y *File) pairExpected(line int) string {
	if expected := notAPair(strings.TrimSpace(y.line(line))); expected != "" {
		return expected
	}
	return "`key: value`"
}

// special describes a value that means something to YAML, for an error.
func special(word string) string {
	return fmt.Sprintf("%.80q, which means something in YAML (as a text: in quotes)", word)
}
