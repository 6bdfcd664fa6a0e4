// Layers checks that the imports of this module are those of ci/layers.txt, and
// that ARCHITECTURE.md's table and the depguard rules of .golangci.yml are made
// from it. It runs in the repository's root, by way of ci/imports.sh:
//
//	go run ./ci/layers          checks
//	go run ./ci/layers -write   makes table and rules, then checks
package main

import (
	"flag"
	"fmt"
	"os"
)

const source = "ci/layers.txt"

// made are the files with a part that comes from the table, between two lines
// that hold these words.
var made = []struct {
	file, begin, end string
	render           func(t *table, module string) string
}{
	{"ARCHITECTURE.md", "begin: made by ci/imports.sh", "end: made by ci/imports.sh", func(t *table, _ string) string { return t.markdown() }},
	{".golangci.yml", "begin: made by ci/imports.sh", "end: made by ci/imports.sh", (*table).depguard},
}

func main() {
	write := flag.Bool("write", false, "make the table of ARCHITECTURE.md and the rules of .golangci.yml")
	flag.Parse()
	wrong, err := run(flag.Args(), *write)
	for _, line := range wrong {
		fmt.Println(line)
	}
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("found %d faults, expected none", len(wrong))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "layers:", err)
		os.Exit(1)
	}
}

// run returns what is wrong, a line each, and says what it looked at.
func run(args []string, write bool) ([]string, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("found argument %q, expected none", args[0])
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	t, err := parse(source, string(text))
	if err != nil {
		return nil, err
	}
	lines, err := goList(".", "", "-m")
	if err != nil {
		return nil, err
	}
	module := lines[0]
	wrong, err := t.update(module, write)
	if err != nil {
		return nil, err
	}
	offences, err := t.offences(".", module)
	if err != nil {
		return nil, err
	}
	leaks, err := t.leaks(".", module)
	if err != nil {
		return nil, err
	}
	wrong = append(append(wrong, offences...), leaks...)
	if len(wrong) == 0 {
		fmt.Printf("imports: %d packages import what %s allows, %d public ones drag in nothing that is limited\n", len(t.packages), source, len(t.public))
	}
	return wrong, nil
}

// update makes the files that come from the table, or with write unset returns a
// line for each that differs.
func (t *table) update(module string, write bool) (wrong []string, err error) {
	for _, m := range made {
		found, err := os.ReadFile(m.file)
		if err != nil {
			return nil, err
		}
		expected, err := fill(string(found), m.begin, m.end, m.render(t, module))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", m.file, err)
		case expected == string(found):
		case !write:
			wrong = append(wrong, fmt.Sprintf("%s: found another table than %s makes; ci/imports.sh --write makes it", m.file, source))
		default:
			if err := os.WriteFile(m.file, []byte(expected), 0o644); err != nil {
				return nil, err
			}
			fmt.Println("layers: wrote", m.file)
		}
	}
	return wrong, nil
}
