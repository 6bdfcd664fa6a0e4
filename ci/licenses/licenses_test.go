package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	mit  = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a\ncopy of this. The above copyright notice and this permission notice shall be\nincluded in all copies.\n"
	bsd2 = "> Redistribution and use in source and binary\n> forms: this list of conditions and the following disclaimer.\n"
	bsd3 = bsd2 + "Neither the name of X may be used to endorse or promote products.\n"
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct{ text, ids, says string }{
		{mit, "MIT", ""},
		{bsd2, "BSD-2-Clause", ""},
		{bsd3, "BSD-3-Clause", ""},
		{"Licensed under the Apache License, Version 2.0\n" + bsd3, "Apache-2.0 BSD-3-Clause", ""},
		{"GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", "", `found "gnu general public license version"`},
		{mit + "GNU LESSER GENERAL PUBLIC LICENSE\nVersion 2.1", "", "gnu lesser general public license version"},
		{"Mozilla Public License Version 2.0", "", "mozilla public license v"},
		{"All rights reserved. Ask us.", "", `begins "all rights reserved. ask us."`},
		{"", "", "expected one of the licenses"},
	} {
		ids, _, err := identify(c.text)
		if got := strings.Join(ids, " "); got != c.ids || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: found %s, error %v, expected %s, %s", c.text, got, err, c.ids, c.says)
		}
	}
}

// A module's texts are those of its root and of the folders of linked packages,
// and one without a license is refused.
func TestCollect(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"LICENSE": mit, "NOTICE.txt": "Thanks.", "license.go": "package m", "a/b/COPYING": bsd2, "a/b/c/b.go": "package c",
		"unused/LICENSE": "Ask us.", "ftl/LICENSE": "Freetype-Go software is subject to your choice of exactly one of two: licenses/ftl.txt or the GNU General Public License Version 2.", "ftl/licenses/ftl.txt": "FreeType",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := &module{path: "m", version: "v1", root: root, folders: []string{filepath.Join(root, "a/b/c"), filepath.Join(root, "ftl")}}
	if err := m.collect(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"BSD-2-Clause", "FTL", "MIT"}; !slices.Equal(m.ids, want) {
		t.Errorf("found licenses %v, expected %v", m.ids, want)
	}
	var names []string
	for _, f := range m.files {
		names = append(names, f.name)
	}
	if want := []string{"LICENSE", "NOTICE.txt", "a/b/COPYING", "ftl/LICENSE", "licenses/ftl.txt"}; !slices.Equal(names, want) {
		t.Errorf("found files %v, expected %v", names, want)
	}
	if got := render([]*module{m, m}); strings.Count(got, "shall be\nincluded") != 1 || strings.Count(got, "m v1: BSD-2-Clause AND FTL AND MIT\n") != 2 || !strings.Contains(got, "Thanks.") {
		t.Errorf("found %s, expected each text once, and each module", got)
	}

	m = &module{path: "m", version: "v1", root: filepath.Join(root, "unused"), folders: []string{filepath.Join(root, "unused")}}
	if err := m.collect(); err == nil || !strings.Contains(err.Error(), "m v1: LICENSE: found a text that begins") {
		t.Errorf("error %v, expected one about an unknown license", err)
	}
	m = &module{path: "m", version: "v1", root: filepath.Join(root, "a/b/c"), folders: []string{filepath.Join(root, "a/b/c")}}
	if err := m.collect(); err == nil || !strings.Contains(err.Error(), "found no license") {
		t.Errorf("error %v, expected one about no license", err)
	}
}
