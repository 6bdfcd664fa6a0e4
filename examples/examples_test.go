// Package examples checks the programs in the folders beside this file: each is a
// module of its own, as a user's would be, so that it sees the public packages only.
package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	// What the programs import: a change there runs the tests again.
	_ "github.com/sparsebert/sparsebert-gpu/cpu"
	_ "github.com/sparsebert/sparsebert-gpu/gpu"
	_ "github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	_ "github.com/sparsebert/sparsebert-gpu/model"
	_ "github.com/sparsebert/sparsebert-gpu/sparse"
	_ "github.com/sparsebert/sparsebert-gpu/train"
)

const library = "github.com/sparsebert/sparsebert-gpu"

// goCommand runs go in a folder, as a user would who has the modules already.
func goCommand(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOPROXY=off", "GOFLAGS=-mod=readonly")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestExamples builds each program from outside and compares what it prints.
func TestExamples(t *testing.T) {
	modules, err := filepath.Glob("*/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) == 0 {
		t.Fatal("found no module, expected some")
	}
	for _, file := range modules {
		dir := filepath.Dir(file)
		t.Run(dir, func(t *testing.T) {
			path, err := goCommand(t, dir, "list", "-m")
			if err != nil || strings.HasPrefix(path, library) {
				t.Fatalf("found module %s (%v), expected one outside %s, which may not import what is internal", path, err, library)
			}
			program := filepath.Join(t.TempDir(), "program")
			if out, err := goCommand(t, dir, "build", "-o", program, "."); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want, err := os.ReadFile(filepath.Join(dir, "output.txt"))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program)
			cmd.Dir = t.TempDir()
			var said strings.Builder
			cmd.Stderr = &said
			got, err := cmd.Output()
			if err != nil || said.Len() > 0 {
				t.Fatalf("%v\n%s", err, &said)
			}
			if runtime.GOARCH != "amd64" {
				return // Go's compiler fuses multiplications and additions there
			}
			if string(got) != string(want) {
				t.Errorf("found the output\n%s\nexpected that of output.txt\n%s", got, want)
			}
		})
	}
}

// TestTrainingIsShort: a model is trained in under 40 lines.
func TestTrainingIsShort(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("train", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n >= 40 {
		t.Errorf("found %d lines, expected fewer than 40", n)
	}
}

// TestOutsideSeesNothingInternal: a module that is made as those of the programs
// cannot import an internal package, so a leak of its types would not build.
func TestOutsideSeesNothingInternal(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.org/leak\n\ngo 1.26.0\n\nrequire " + library + " v0.0.0\n\nreplace " + library + " => " + root + "\n",
		"main.go": "package main\n\nimport \"" + library + "/internal/philox\"\n\nfunc main() { println(philox.Unit32(0)) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := goCommand(t, dir, "build", "-o", os.DevNull, "."); err == nil || !strings.Contains(out, "use of internal package") {
		t.Errorf("found error %v and\n%s\nexpected that use of an internal package is not allowed", err, out)
	}
}
