// Licenses collects the licenses of everything that is linked into the programs,
// in the plain build and in that for NVIDIA GPUs, on every system they are
// released for: the texts of all modules and of Go's own library. It runs in the
// repository's root, by way of ci/licenses.sh:
//
//	go run ./ci/licenses           looks, and says what it found
//	go run ./ci/licenses -out FILE also writes the texts
//
// A module without a license, or with one that is not in this program's list,
// is an error: a person decides whether it may be linked.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("out", "", "the `file` to write")
	flag.Parse()
	err := fmt.Errorf("found argument %q, expected none", flag.Arg(0))
	if flag.NArg() == 0 {
		err = run(*out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

// run collects, writes and says what it did.
func run(out string) error {
	modules, err := linked("./cmd/sparsebert-gpu")
	if err != nil {
		return err
	}
	var wrong []string
	count := map[string]int{}
	for _, m := range modules {
		if err := m.collect(); err != nil {
			wrong = append(wrong, err.Error())
		}
		count[strings.Join(m.ids, " AND ")]++
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "\nlicenses: "))
	}
	if out != "" {
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(out, []byte(render(modules)), 0o644); err != nil {
			return err
		}
	}
	var counts []string
	for id, n := range count {
		counts = append(counts, fmt.Sprintf("%s %d", id, n))
	}
	slices.Sort(counts)
	fmt.Printf("licenses: %d modules are linked, each with a known license: %s\n", len(modules), strings.Join(counts, ", "))
	if out != "" {
		fmt.Println("licenses: wrote", out)
	}
	return nil
}

// render returns a list of the modules, then their texts, each text once.
func render(modules []*module) string {
	var b strings.Builder
	b.WriteString("Licenses of what is linked into sparsebert-gpu and sparsebert-gpu-cuda.\n\n")
	var texts []string
	users := map[string][]string{}
	for _, m := range modules {
		fmt.Fprintf(&b, "%s %s: %s\n", m.path, m.version, strings.Join(m.ids, " AND "))
		for _, f := range m.files {
			if users[f.text] == nil {
				texts = append(texts, f.text)
			}
			users[f.text] = append(users[f.text], m.path+" "+f.name)
		}
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(users[text], "\n"), strings.TrimRight(text, "\n"))
	}
	return b.String()
}
