// Doccheck looks at every package that others may import, those that are neither
// a command nor internal. It prints, a line each, the exported identifiers that
// have no doc comment and those in whose signature a type of an internal package
// stands: a user could neither name such a type nor make one.
//
//	go run ./ci/doccheck [PACKAGE ...]
//
// Without packages it takes ./... . The docs are those of all files, whatever
// their build tags; the signatures are those of the plain build.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	wrong, n, err := check(".", os.Args[1:])
	for _, line := range wrong {
		fmt.Println(line)
	}
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("found %d faults in %d packages, expected none", len(wrong), n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "doccheck:", err)
		os.Exit(1)
	}
	fmt.Printf("doccheck: %d public packages, each exported identifier documented and free of internal types\n", n)
}

// listed is what is read of `go list`.
type listed struct {
	Dir, ImportPath, Name, Export string
	GoFiles                       []string
	DepOnly, Standard             bool
}

// public tells whether a package outside this module may import p. One of tests
// alone is not there for others.
func (p listed) public() bool {
	return len(p.GoFiles) > 0 && !p.DepOnly && !p.Standard && p.Name != "main" && !internal(p.ImportPath)
}

// internal tells whether a path is one that Go keeps others from importing.
func internal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

// check returns what is wrong with the public ones of the packages that dir's
// module calls so, in sorted order, and how many they are.
func check(dir string, packages []string) (wrong []string, n int, err error) {
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	all, err := list(dir, packages)
	if err != nil {
		return nil, 0, err
	}
	exports := map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	leaks := newLeakFinder(exports)
	for _, p := range all {
		if !p.public() {
			continue
		}
		n++
		lines, err := undocumented(p.Dir)
		if err != nil {
			return wrong, n, err
		}
		found, err := leaks.find(p.ImportPath)
		if err != nil {
			return wrong, n, err
		}
		for _, line := range append(lines, found...) {
			wrong = append(wrong, p.ImportPath+": "+line)
		}
	}
	if n == 0 {
		return nil, 0, fmt.Errorf("found no public package in %s, expected at least one", strings.Join(packages, " "))
	}
	slices.Sort(wrong)
	return wrong, n, nil
}

// list asks go for the packages and all that they import, compiled.
func list(dir string, packages []string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=Dir,ImportPath,Name,Export,GoFiles,DepOnly,Standard"}, packages...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", strings.Join(packages, " "), err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("what go list wrote: %w", err)
		}
		all = append(all, p)
	}
}
