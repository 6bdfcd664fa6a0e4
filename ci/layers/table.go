package main

import (
	"fmt"
	"slices"
	"strings"
)

// table is what ci/layers.txt says.
type table struct {
	packages []row
	only     []limit
	public   []string
}

// row is a package with the packages of this module that it may import.
type row struct {
	name, holds string
	imports     []string
}

// limit names the packages that may import path and what is below it.
type limit struct {
	path string
	by   []string
}

// parse reads the text of ci/layers.txt; its errors begin with file and line.
func parse(file, text string) (*table, error) {
	t := &table{}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		err := t.add(&section, strings.TrimRight(line, " \t\r"))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// add takes one line.
func (t *table) add(section *string, line string) error {
	indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, "["):
		if line != "[packages]" && line != "[only]" && line != "[public]" {
			return fmt.Errorf("found %s, expected [packages], [only] or [public]", line)
		}
		*section = line
		return nil
	case *section == "[public]":
		t.public = append(t.public, strings.Fields(line)...)
		return nil
	case indented && (*section != "[packages]" || len(t.packages) == 0):
		return fmt.Errorf("found an indented line, expected it below a package")
	case indented:
		last := &t.packages[len(t.packages)-1]
		last.holds = strings.TrimSpace(last.holds + " " + strings.TrimSpace(line))
		return nil
	}
	name, rest, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("found %q, expected PACKAGE: IMPORTS", line)
	}
	switch *section {
	case "[packages]":
		if slices.ContainsFunc(t.packages, func(r row) bool { return r.name == name }) {
			return fmt.Errorf("found package %s a second time, expected it once", name)
		}
		t.packages = append(t.packages, row{name: name, imports: strings.Fields(rest)})
	case "[only]":
		t.only = append(t.only, limit{path: name, by: strings.Fields(rest)})
	default:
		return fmt.Errorf("found %q before any section, expected [packages]", line)
	}
	return nil
}

// check compares the parts of the table with each other.
func (t *table) check() error {
	for _, r := range t.packages {
		if r.holds == "" {
			return fmt.Errorf("package %s: found no line below it, expected what it holds", r.name)
		}
		for _, name := range r.imports {
			if name != "*" && t.row(name) == nil {
				return fmt.Errorf("package %s: found import %s, expected a package of the table", r.name, name)
			}
		}
	}
	for _, l := range t.only {
		for _, name := range l.by {
			if t.row(name) == nil {
				return fmt.Errorf("import %s: found %s, expected a package of the table", l.path, name)
			}
		}
	}
	for _, name := range t.public {
		if t.row(name) == nil {
			return fmt.Errorf("[public]: found %s, expected a package of the table", name)
		}
	}
	if len(t.packages) == 0 || len(t.public) == 0 {
		return fmt.Errorf("found no package or no public one, expected some of both")
	}
	return nil
}

// row returns the row of a package, or nil. A row of its own goes before one that
// stands for a folder.
func (t *table) row(name string) *row {
	var found *row
	for i := range t.packages {
		r := &t.packages[i]
		if r.name == name {
			return r
		}
		if folder, ok := strings.CutSuffix(r.name, "..."); ok && strings.HasPrefix(name, folder) {
			found = r
		}
	}
	return found
}

// limit returns the limit on an import, or nil: of those that fit the longest.
func (t *table) limit(path string) *limit {
	var found *limit
	for i := range t.only {
		l := &t.only[i]
		if strings.HasPrefix(path+"/", l.path+"/") && (found == nil || len(l.path) > len(found.path)) {
			found = l
		}
	}
	return found
}
