package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// builds are the systems and tags that programs are released for.
var builds = []struct{ system, machine, tags string }{
	{"linux", "amd64", ""}, {"linux", "arm64", ""}, {"darwin", "arm64", ""}, {"darwin", "amd64", ""},
	{"linux", "amd64", "mpi"}, {"linux", "arm64", "mpi"}, {"darwin", "arm64", "mpi"}, {"darwin", "amd64", "mpi"},
	{"linux", "amd64", "nvidia,mpi,netgo,osusergo"},
}

// module is one that is linked.
type module struct {
	path, version, root string
	folders             []string // of its packages that are linked
	ids                 []string // its licenses
	files               []file
}

// file is a text about rights, its name relative to the module.
type file struct{ name, text string }

// linked returns the modules of all packages that program is built of, Go's own
// library first, the others by path.
func linked(program string) ([]*module, error) {
	found := map[string]*module{}
	for _, b := range builds {
		command := exec.Command("go", "list", "-deps", "-tags", b.tags, "-json=Dir,Standard,Module,Goroot,Root", program)
		command.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS="+b.system, "GOARCH="+b.machine)
		var complaint bytes.Buffer
		command.Stderr = &complaint
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s/%s: %w: %s", b.system, b.machine, err, strings.Join(strings.Fields(complaint.String()), " "))
		}
		if err := add(found, out); err != nil {
			return nil, err
		}
	}
	modules := make([]*module, 0, len(found))
	for _, m := range found {
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b *module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

// add reads what go list says of packages.
func add(found map[string]*module, listed []byte) error {
	d := json.NewDecoder(bytes.NewReader(listed))
	for {
		var p struct {
			Dir, Root string
			Standard  bool
			Module    *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("go list: %w", err)
		}
		path, version, root := "Go's standard library", runtime.Version(), p.Root
		switch {
		case p.Standard:
		case p.Module == nil:
			return fmt.Errorf("%s: found no module of it, expected one", p.Dir)
		case p.Module.Main:
			continue
		default:
			path, version, root = p.Module.Path, p.Module.Version, p.Module.Dir
		}
		m := found[path]
		if m == nil {
			m = &module{path: path, version: version, root: root}
			found[path] = m
		}
		if !slices.Contains(m.folders, p.Dir) {
			m.folders = append(m.folders, p.Dir)
		}
	}
}

// about matches the names of files about rights.
var about = regexp.MustCompile(`(?i)^((un)?licen[sc]e|copying|notice|patents)([.-].*)?$`)

// collect reads the files about rights in the module's root and in every folder
// between it and a package that is linked, and finds out which licenses they are.
func (m *module) collect() error {
	folders := map[string]bool{m.root: true}
	for _, folder := range m.folders {
		for ; strings.HasPrefix(folder, m.root); folder = filepath.Dir(folder) {
			folders[folder] = true
		}
	}
	for folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		for _, e := range entries {
			if e.Type().IsRegular() && about.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
				if err := m.read(filepath.Join(folder, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	slices.SortFunc(m.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	slices.Sort(m.ids)
	m.ids = slices.Compact(m.ids)
	if len(m.ids) == 0 {
		return fmt.Errorf("%s %s: found no license in %s, expected one", m.path, m.version, m.root)
	}
	return nil
}

// read takes one file, and what it refers to.
func (m *module) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	name, err := filepath.Rel(m.root, path)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	m.files = append(m.files, file{filepath.ToSlash(name), string(text)})
	if base := strings.ToLower(filepath.Base(path)); strings.HasPrefix(base, "notice") || strings.HasPrefix(base, "patents") {
		return nil // they add to a license
	}
	ids, also, err := identify(string(text))
	if err != nil {
		return fmt.Errorf("%s %s: %s: %w", m.path, m.version, name, err)
	}
	m.ids = append(m.ids, ids...)
	if also != "" {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), also))
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		m.files = append(m.files, file{also, string(text)})
	}
	return nil
}
