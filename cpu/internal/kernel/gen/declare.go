package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
)

// declaration is a function of the family as package kernel declares it.
type declaration struct{ name, signature, doc string }

var declarations []declaration

// known replaces the types of package kernel by ones that the library knows: a pointer is a
// pointer, and a Seg has the size of an int64.
var known = strings.NewReplacer(
	"*tileRun", "*byte", "*AttnTiles", "*byte", "*GradBlocks", "*byte", "*GradTiles", "*byte",
	"*DropoutSite", "*uint32", "*AdamStep", "*float32", "[]Seg", "[]int64",
)

// declare begins a function. Its signature is that of package kernel; doc follows the name in its
// comment and may be left out.
func declare(name, signature string, doc ...string) {
	declarations = append(declarations, declaration{name, signature, strings.Join(doc, "\n")})
	TEXT(name, NOSPLIT, known.Replace(signature))
}

// declared returns a Go file with all declarations, whose first line is left for the warning.
func declared() string {
	var b strings.Builder
	b.WriteString("\n\n//go:build !noasm\n\npackage kernel\n\n")
	b.WriteString("// Where a comment says nothing else, a function computes what the one with Go in the place of\n" +
		"// the instruction set does, for sizes as Set states them. Slices of the vector functions\n" +
		"// have a multiple of 8 (AVX2) or 16 (AVX512) elements.\n")
	for _, d := range declarations {
		b.WriteByte('\n')
		if d.doc != "" {
			for i, line := range strings.Split(d.doc, "\n") {
				if i == 0 {
					line = d.name + " " + line
				}
				fmt.Fprintf(&b, "// %s\n", line)
			}
		}
		if strings.ContainsAny(d.signature, "*[") {
			if d.doc != "" {
				b.WriteString("//\n")
			}
			b.WriteString("//go:noescape\n")
		}
		fmt.Fprintf(&b, "func %s%s\n", d.name, strings.TrimPrefix(d.signature, "func"))
	}
	return b.String()
}
