package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kernel is the head of one kernel.
type kernel struct {
	name   string
	line   int
	about  []string // the first sentence of the comment at the file's start, in lines
	params []param
}

type param struct {
	name string
	typ  goType
}

// token is a word, a string or a sign of a C source.
type token struct {
	text string
	line int
}

var tokenPattern = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*|[0-9][0-9A-Za-z_.']*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|::|\S`)
var word = regexp.MustCompile(`^[A-Za-z_]`)
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`) // one that has a Go name
var kernelName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// failure is an error at a place.
func failure(path string, line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", path, line, fmt.Sprintf(format, args...))
}

// tokens splits a source without its comments and preprocessor lines.
func tokens(path, text string) ([]token, error) {
	plain, err := blankComments(text)
	if err != nil {
		return nil, failure(path, 1+strings.Count(text, "\n"), "%v", err)
	}
	var code strings.Builder
	directive := false
	number := 0
	for line := range strings.Lines(plain) {
		number++
		directive = directive || strings.HasPrefix(strings.TrimLeft(line, " \t"), "#")
		if !directive {
			code.WriteString(line)
			continue
		}
		if strings.Contains(line, "__global__") {
			return nil, failure(path, number, "found __global__ in a macro, expected a kernel written out")
		}
		code.WriteString("\n")
		directive = strings.HasSuffix(strings.TrimRight(line, "\r\n"), `\`)
	}
	source := code.String()
	var list []token
	line, at := 1, 0
	for _, m := range tokenPattern.FindAllStringIndex(source, -1) {
		line += strings.Count(source[at:m[0]], "\n")
		at = m[0]
		list = append(list, token{source[m[0]:m[1]], line})
	}
	return list, nil
}

// readHeader adds the structs of a header to structs.
func readHeader(path, text string, structs map[string]bool) error {
	list, err := tokens(path, text)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.text == "__global__" {
			return failure(path, t.line, "found a kernel in a header, expected it in a file of its own")
		}
	}
	addStructs(list, structs)
	return nil
}

// addStructs adds the names of the structs that are defined in the tokens.
func addStructs(list []token, structs map[string]bool) {
	for i := range list {
		if list[i].text != "struct" {
			continue
		}
		for j := i + 1; j < len(list); j++ {
			if t := list[j].text; t == "alignas" || t == "__align__" {
				j = closing(list, j+1)
			} else {
				if plainName.MatchString(t) && j+1 < len(list) && list[j+1].text == "{" {
					structs[t] = true
				}
				break
			}
		}
	}
}

// closing returns the index of the bracket that closes the one at i, the number
// of tokens where there is none, and i where no bracket opens.
func closing(list []token, i int) int {
	closers := map[string]string{"(": ")", "[": "]", "{": "}", "<": ">"}
	if i >= len(list) || closers[list[i].text] == "" {
		return i
	}
	open, depth := list[i].text, 0
	for ; i < len(list); i++ {
		switch list[i].text {
		case open:
			depth++
		case closers[open]:
			depth--
		}
		if depth == 0 {
			break
		}
	}
	return i
}

// parse returns the one kernel of a source; shared are the structs of headers.
func parse(path, text string, shared map[string]bool) (kernel, error) {
	list, err := tokens(path, text)
	if err != nil {
		return kernel{}, err
	}
	structs := map[string]bool{}
	for s := range shared {
		structs[s] = true
	}
	addStructs(list, structs)
	var found *kernel
	for i := 0; i < len(list); i++ {
		if list[i].text == "__global__" {
			return kernel{}, failure(path, list[i].line, `found a __global__ that does not follow extern "C", expected extern "C" __global__ void NAME(...)`)
		}
		if list[i].text != "extern" || i+1 == len(list) || list[i+1].text != `"C"` {
			continue
		}
		k, end, err := parseHead(path, list, i, structs)
		if err != nil {
			return kernel{}, err
		}
		if k == nil {
			continue
		}
		if found != nil {
			return kernel{}, failure(path, k.line, "found a second kernel, %s, expected one in a file", k.name)
		}
		found, i = k, end
	}
	if found == nil {
		return kernel{}, failure(path, 1, `found no kernel, expected extern "C" __global__ void NAME(...)`)
	}
	found.about, err = about(path, text)
	return *found, err
}

// parseHead reads a kernel's head from the extern at i to its {, whose index it
// also returns. It returns nil where another function stands there.
func parseHead(path string, list []token, i int, structs map[string]bool) (*kernel, int, error) {
	words := map[string]int{}
	start := list[i].line
	for i += 2; i < len(list); i++ {
		switch t := list[i].text; t {
		case "__global__", "void":
			words[t]++
			continue
		case "__launch_bounds__", "__cluster_dims__", "__maxnreg__":
			i = closing(list, i+1)
			continue
		}
		break
	}
	if words["__global__"] == 0 {
		return nil, 0, nil
	}
	if i+1 >= len(list) || words["__global__"] != 1 || words["void"] != 1 || list[i+1].text != "(" {
		return nil, 0, failure(path, start, `found another head of a kernel, expected extern "C" __global__ void [__launch_bounds__(...)] NAME(...)`)
	}
	k := &kernel{name: list[i].text, line: list[i].line}
	if !kernelName.MatchString(k.name) {
		return nil, 0, failure(path, k.line, "found kernel %s, expected lower-case words joined by _", k.name)
	}
	end := closing(list, i+1)
	if end+1 >= len(list) || list[end].text != ")" || list[end+1].text != "{" {
		return nil, 0, failure(path, k.line, "found no body of %s, expected { after its parameters", k.name)
	}
	seen := map[string]bool{}
	for from := i + 2; from < end; {
		to := from
		for to < end && list[to].text != "," {
			to = max(to+1, closing(list, to)) // a bracket's inside may hold commas
		}
		to = min(to, end)
		p, err := parseParam(path, list[from:to], list[from].line, structs)
		if err != nil {
			return nil, 0, err
		}
		if seen[p.name] {
			return nil, 0, failure(path, list[from].line, "found two parameters that are %s in Go, expected different names", p.name)
		}
		seen[p.name] = true
		k.params = append(k.params, p)
		from = to + 1
		if from == end { // after a comma
			return nil, 0, failure(path, list[end].line, "found ), expected a parameter")
		}
	}
	return k, end + 1, nil
}

// parseParam reads one parameter.
func parseParam(path string, list []token, line int, structs map[string]bool) (param, error) {
	var words, texts []string
	stars := 0
	plain := len(list) > 0 && plainName.MatchString(list[len(list)-1].text)
	for i, t := range list {
		texts = append(texts, t.text)
		switch {
		case i == len(list)-1 || slices.Contains(ignored, t.text):
		case t.text == "*":
			stars++
		default:
			plain = plain && word.MatchString(t.text) && stars == 0
			words = append(words, t.text)
		}
	}
	if plain && len(words) > 0 {
		if typ, ok := lookup(words, stars, structs); ok {
			return param{camel(list[len(list)-1].text), typ}, nil
		}
	}
	what := strings.Join(texts, " ")
	if plain && len(words) > 0 {
		what = strings.Join(words, " ") + strings.Repeat("*", stars)
		return param{}, failure(path, line, "found a parameter of type %q, expected a type that kernels/gen/types.go knows or a pointer to a struct that the kernels define", what)
	}
	return param{}, failure(path, line, "found the parameter %q, expected a type and a name", what)
}

// about returns the first sentence of the comment that a source starts with, as
// it is broken into lines.
func about(path, text string) ([]string, error) {
	var sentence []string
	line := 0
	for l := range strings.Lines(text) {
		line++
		l = strings.TrimSpace(l)
		comment, ok := strings.CutPrefix(l, "//")
		if !ok && l != "" {
			break
		}
		comment = strings.TrimSpace(comment)
		if !utf8.ValidString(comment) || strings.ContainsFunc(comment, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) {
			return nil, failure(path, line, "found a character that does not print, expected none in a comment")
		}
		if comment == "" && sentence != nil {
			break
		}
		if comment != "" {
			sentence = append(sentence, comment)
		}
		if strings.HasSuffix(comment, ".") {
			break
		}
	}
	if sentence == nil {
		return nil, failure(path, max(line, 1), "found no comment, expected // and what the kernel computes")
	}
	return sentence, nil
}
