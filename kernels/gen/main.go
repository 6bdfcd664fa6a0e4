// Command gen reads the heads of all kernels and writes a launcher of each and a
// struct of its parameters, so that a wrong name or type does not compile:
//
//	go run ./kernels/gen [-kernels kernels] [-out gpu/launch_gen.go]
//
// With -strip it copies PTX from standard input to standard output, leaving out
// what depends on the machine or says nothing (strip.go). The Makefile calls it
// for both.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("kernels", "kernels", "the `folder` of the .cu files")
	out := flag.String("out", "gpu/launch_gen.go", "the `file` to write")
	stripping := flag.Bool("strip", false, "strip PTX from standard input to standard output")
	flag.Parse()
	err := fmt.Errorf("found argument %q, expected none", flag.Arg(0))
	switch {
	case flag.NArg() > 0:
	case *stripping:
		err = stripAll(os.Stdout, os.Stdin)
	default:
		err = run(*dir, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes the file out for the kernels in dir, unless it is there already.
func run(dir, out string) error {
	kernels, err := readAll(dir)
	if err != nil {
		return err
	}
	text, err := generate(kernels)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(out); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return os.WriteFile(out, text, 0o666)
}

// readAll returns the kernels of a folder, sorted by name.
func readAll(dir string) ([]kernel, error) {
	structs := map[string]bool{}
	headers, err := filepath.Glob(filepath.Join(dir, "include", "*.cuh"))
	if err != nil {
		return nil, err
	}
	for _, path := range headers {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := readHeader(path, string(text), structs); err != nil {
			return nil, err
		}
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*.cu")) // sorted
	if err != nil {
		return nil, err
	}
	var kernels []kernel
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		k, err := parse(path, string(text), structs)
		if err != nil {
			return nil, err
		}
		if want := strings.TrimSuffix(filepath.Base(path), ".cu"); k.name != want {
			return nil, fmt.Errorf("%s:%d: found kernel %s, expected %s, as the file is named", path, k.line, k.name, want)
		}
		kernels = append(kernels, k)
	}
	return kernels, nil
}

func stripAll(w io.Writer, r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	stripped, err := strip(string(text))
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, stripped)
	return err
}
