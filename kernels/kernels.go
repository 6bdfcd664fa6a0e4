// Package kernels holds the GPU's kernels, compiled to PTX, the text that a
// driver turns into machine code.
//
// One kernel stands in one NAME.cu, whose head gives the formula, the shapes,
// what is added to and what is assigned, and the launch that it expects; what
// several share stands in include. ptx/NAME.ptx is made from it by the Makefile
// and committed, so that a build needs no CUDA compiler. NAMEs that end in
// _sm90a use instructions of compute capability 9.0 alone; all others run from
// 8.0 on. docs/toolchain.md says how to change a kernel.
package kernels

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed ptx
var files embed.FS

// read has the texts that were asked for: package embed makes a copy for each reader.
var read sync.Map

// PTX returns the PTX text of the module that holds the kernel of that name
// alone. It may be called at the same time.
func PTX(name string) (string, error) {
	if text, ok := read.Load(name); ok {
		return text.(string), nil
	}
	text, err := files.ReadFile("ptx/" + name + ".ptx")
	if err != nil {
		return "", fmt.Errorf("kernels: found no kernel %q", name)
	}
	kept, _ := read.LoadOrStore(name, string(text))
	return kept.(string), nil
}

// Names returns the names of all kernels, sorted.
func Names() []string {
	entries, err := files.ReadDir("ptx")
	if err != nil {
		panic(err) // the folder is embedded
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".ptx"); ok {
			names = append(names, name)
		}
	}
	return names
}
