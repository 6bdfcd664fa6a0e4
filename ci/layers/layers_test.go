package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const small = `
[packages]
cmd: *
    the command
sparse:
    a matrix
model: sparse
    a network, of
    two lines
driver: model
    the driver
tools/...: sparse
    tools
[only]
C: driver
gorgonia.org: model
gorgonia.org/cu: driver
[public]
sparse model
`

func parsed(t *testing.T, text string) *table {
	t.Helper()
	got, err := parse("layers.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, says string }{
		{"[only]", "[others]", "layers.txt:14: found [others]"},
		{"    a matrix\n", "", "package sparse: found no line below it"},
		{"model: sparse", "model: spares", "found import spares"},
		{"C: driver", "C: drivers", "import C: found drivers"},
		{"sparse model\n", "sparse modle\n", "[public]: found modle"},
		{"driver: model", "model: sparse", "found package model a second time"},
		{"driver: model", "driver model", `found "driver model", expected PACKAGE: IMPORTS`},
		{"[packages]", "", "before any section"},
		{"\ncmd: *\n", "\n", "expected it below a package"},
		{small, "", "found no package"},
	} {
		_, err := parse("layers.txt", strings.Replace(small, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q for %q: error %v, expected one that says %q", c.new, c.old, err, c.says)
		}
	}
}

func TestWrongImports(t *testing.T) {
	table := parsed(t, small)
	for _, c := range []struct{ name, imports, says string }{
		{"sparse", "fmt m/model", "sparse imports model"},
		{"model", "m/driver m/sparse", "model imports driver, expected sparse only"},
		{"newcomer", "fmt", "newcomer: found no row"},
		{"sparse", "C", "sparse imports C, expected it in driver only"},
		{"cmd", "C", "cmd imports C"},
		{"cmd", "gorgonia.org/tensor", "expected it in model only"},
		{"model", "gorgonia.org/cu", "expected it in driver only"},
		{"model", "gorgonia.org/cu/blas", "expected it in driver only"},
		{"driver", "gorgonia.org/gorgonia", "expected it in model only"},
		{"tools/a/b", "m/model", "tools/a/b imports model"},
		{"driver", "C gorgonia.org/cu m/model", ""},
		{"model", "gorgonia.org/gorgonia gorgonia.org/cups m/sparse", ""},
		{"sparse", "fmt other.org/m/model", ""},
		{"cmd", "m/driver m/sparse", ""},
		{"tools/a", "m/sparse", ""},
	} {
		got := strings.Join(table.wrongImports(c.name, strings.Fields(c.imports), "m"), "\n")
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s imports %s: found %q, expected %q", c.name, c.imports, got, c.says)
		}
	}
}

// Files of each build are looked at, and packages with no row and rows with no
// package are found.
func TestOffences(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	look := func() string {
		table := parsed(t, "[packages]\nsparse:\n    a matrix\nmodel: sparse\n    a network\n[only]\nC:\ngorgonia.org:\nnet:\n[public]\nmodel\n")
		offences, err := table.offences(dir, "m")
		if err != nil {
			t.Fatal(err)
		}
		leaks, err := table.leaks(dir, "m")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(append(offences, leaks...), "\n")
	}
	write("go.mod", "module m\n\ngo 1.26.0\n")
	write("sparse/a.go", "package sparse\n")
	if got := look(); got != "model: found no such package, expected one or no row in the table" {
		t.Errorf("found %q", got)
	}
	write("model/a.go", "package model\n\nimport _ \"m/sparse\"\n")
	if got := look(); got != "" {
		t.Errorf("found a fault where there is none: %q", got)
	}
	for _, tag := range []string{"nvidia", "!nvidia"} {
		for path, says := range map[string]string{"C": "sparse imports C", "m/model": "sparse imports model", "gorgonia.org/cu": "sparse imports gorgonia.org/cu"} {
			write("sparse/b.go", "//go:build "+tag+"\n\npackage sparse\n\nimport _ \""+path+"\"\n")
			if got := look(); !strings.Contains(got, says) {
				t.Errorf("%s in a file for %s: found %q, expected %q", path, tag, got, says)
			}
		}
	}
	write("sparse/b.go", "package sparse\n\nimport _ \"net/http\"\n")
	if got := look(); !strings.Contains(got, "model is public and drags in net, expected none of net") {
		t.Errorf("found %q, expected that model drags in net", got)
	}
	write("sparse/b.go", "package sparse\n\nimport \"C\"\n")
	if got := look(); !strings.Contains(got, "model is public and drags in m/sparse, expected none with cgo") {
		t.Errorf("found %q, expected that model drags in cgo", got)
	}
	write("sparse/b.go", "package sparse\n")
	write("newcomer/a.go", "package newcomer\n")
	if got := look(); !strings.Contains(got, "newcomer: found no row") {
		t.Errorf("found %q, expected the package without a row", got)
	}
}

func TestRendered(t *testing.T) {
	table := parsed(t, small)
	for _, want := range []string{"| `cmd` | the command | anything |\n", "| `sparse` | a matrix |  |\n", "| `model` | a network, of two lines | `sparse` |\n"} {
		if got := table.markdown(); !strings.Contains(got, want) {
			t.Errorf("found %q, expected a row %q", got, want)
		}
	}
	want := `        model:
          list-mode: lax
          files: ["${base-path}/model/*.go", "!$test"]
          allow:
            - m/sparse$
            - gorgonia.org
          deny:
            - pkg: m/
              desc: see ci/layers.txt
            - pkg: gorgonia.org/cu
              desc: see ci/layers.txt
`
	if got := table.depguard("m"); !strings.Contains(got, want) {
		t.Errorf("found %s, expected a rule %s", got, want)
	}
}

func TestFill(t *testing.T) {
	got, err := fill("a\n# begin\nold\n# end\nb\n", "begin", "end", "new\n")
	if want := "a\n# begin\nnew\n# end\nb\n"; err != nil || got != want {
		t.Errorf("found %q, error %v, expected %q", got, err, want)
	}
	if _, err := fill("a\n# end\n# begin\n", "begin", "end", ""); err == nil {
		t.Error("found no error for an end before its beginning")
	}
}
