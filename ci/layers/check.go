package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// tags are the builds that are looked at. None needs CUDA to be listed.
var tags = []string{"", "mpi", "nvidia,mpi"}

// goList runs `go list` on patterns in folder and returns its lines. cgo is on,
// since files that use it are else left out.
func goList(folder, tag string, args ...string) ([]string, error) {
	command := exec.Command("go", append([]string{"list", "-e", "-tags", tag}, args...)...)
	command.Dir = folder
	command.Env = append(os.Environ(), "CGO_ENABLED=1")
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w: %s", folder, err, strings.Join(strings.Fields(complaint.String()), " "))
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// offences returns a line for each import in the module below folder that the
// table does not allow, and for each package that it lacks or has in vain.
func (t *table) offences(folder, module string) ([]string, error) {
	found := map[string]bool{}
	seen := map[string]bool{}
	for _, tag := range tags {
		lines, err := goList(folder, tag, "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "./...")
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			name := strings.TrimPrefix(words[0], module+"/")
			seen[name] = true
			for _, wrong := range t.wrongImports(name, words[1:], module) {
				found[wrong] = true
			}
		}
	}
	for _, r := range t.packages {
		folder, pattern := strings.CutSuffix(r.name, "...")
		there := seen[r.name]
		for name := range seen {
			there = there || pattern && strings.HasPrefix(name, folder)
		}
		if !there {
			found[r.name+": found no such package, expected one or no row in the table"] = true
		}
	}
	return sorted(found), nil
}

// wrongImports returns what is wrong with the imports of one package.
func (t *table) wrongImports(name string, imports []string, module string) (wrong []string) {
	r := t.row(name)
	if r == nil {
		return []string{name + ": found no row for it, expected one in ci/layers.txt"}
	}
	anything := slices.Contains(r.imports, "*")
	for _, path := range imports {
		own, isOwn := strings.CutPrefix(path, module+"/")
		l := t.limit(path)
		switch {
		case isOwn && !anything && !slices.Contains(r.imports, own):
			wrong = append(wrong, fmt.Sprintf("%s imports %s, expected %s only", name, own, listed(r.imports)))
		case l != nil && !slices.Contains(l.by, name):
			wrong = append(wrong, fmt.Sprintf("%s imports %s, expected it in %s only", name, path, listed(l.by)))
		}
	}
	return wrong
}

// leaks returns a line for each limited import that a public package drags into
// the build of who uses it, and for each package that is built with cgo. (Those of
// the standard library are built without it too.)
func (t *table) leaks(folder, module string) ([]string, error) {
	found := map[string]bool{}
	for _, tag := range tags {
		for _, public := range t.public {
			lines, err := goList(folder, tag, "-deps", "-f", "{{.ImportPath}}{{if and .CgoFiles (not .Standard)}} C{{end}}", "./"+public)
			if err != nil {
				return nil, err
			}
			for _, line := range lines {
				path, cgo, _ := strings.Cut(line, " ")
				if l := t.limit("C"); cgo != "" && l != nil && !slices.Contains(l.by, public) {
					found[fmt.Sprintf("%s is public and drags in %s, expected none with cgo", public, path)] = true
				}
				if l := t.limit(path); l != nil && !slices.Contains(l.by, public) {
					found[fmt.Sprintf("%s is public and drags in %s, expected none of %s", public, path, l.path)] = true
				}
			}
		}
	}
	return sorted(found), nil
}

func sorted(set map[string]bool) []string {
	lines := []string{}
	for line := range set {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// listed joins names for a message.
func listed(names []string) string {
	if len(names) == 0 {
		return "the standard library and other modules"
	}
	return strings.Join(names, ", ")
}
