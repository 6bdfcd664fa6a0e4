package main

import (
	"fmt"
	"slices"
	"strings"
)

// markdown returns the table of packages for ARCHITECTURE.md.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("| package | what it holds | imports of ours |\n|---|---|---|\n")
	for _, r := range t.packages {
		imports := make([]string, len(r.imports))
		for i, name := range r.imports {
			imports[i] = "`" + name + "`"
			if name == "*" {
				imports[i] = "anything"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.name, r.holds, strings.Join(imports, ", "))
	}
	return b.String()
}

// depguard returns the rules of the linter depguard, indented for .golangci.yml: a
// rule a package, which denies this module but for the package's imports, and the
// limited imports but for those that are its own. depguard looks at one entry of a
// list alone, so that none may begin with another.
func (t *table) depguard(module string) string {
	var b strings.Builder
	for _, r := range t.packages {
		files := strings.TrimSuffix(r.name, "/...")
		glob := "*.go"
		if files != r.name {
			glob = "**/*.go"
		}
		fmt.Fprintf(&b, "        %s:\n          list-mode: lax\n", strings.ReplaceAll(files, "/", "-"))
		fmt.Fprintf(&b, "          files: [\"${base-path}/%s/%s\", \"!$test\"]\n", files, glob)
		anything := slices.Contains(r.imports, "*")
		var allow, deny []string
		if !anything {
			for _, name := range r.imports {
				allow = append(allow, module+"/"+name+"$")
			}
			deny = append(deny, module+"/")
		}
		for _, l := range t.only {
			switch {
			case l.path == "C": // no import to the linter; ci/imports.sh looks at it
			case slices.Contains(l.by, r.name):
				allow = append(allow, l.path)
			case !slices.ContainsFunc(deny, func(d string) bool { return strings.HasPrefix(l.path, d+"/") }):
				deny = append(deny, l.path)
			}
		}
		if len(allow) > 0 {
			b.WriteString("          allow:\n")
			for _, path := range allow {
				fmt.Fprintf(&b, "            - %s\n", path)
			}
		}
		b.WriteString("          deny:\n")
		for _, path := range deny {
			fmt.Fprintf(&b, "            - pkg: %s\n              desc: see ci/layers.txt\n", path)
		}
	}
	return b.String()
}

// fill returns text with what stands between the lines that hold begin and end
// replaced by body.
func fill(text, begin, end, body string) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	from := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, begin) })
	to := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, end) })
	if from < 0 || to < from {
		return "", fmt.Errorf("found no line %q before a line %q, expected both", begin, end)
	}
	return strings.Join(lines[:from+1], "") + body + strings.Join(lines[to:], ""), nil
}
