package main

import (
	"errors"
	"regexp"
	"strings"
)

// moduleID is the hash of a source file's path and time in the names of what is
// static or in an unnamed namespace.
var moduleID = regexp.MustCompile(`(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_`)

// strip returns PTX without comments, blank lines, trailing spaces and places in
// source files, and with the same names wherever the source lay.
func strip(ptx string) (string, error) {
	plain, err := blankComments(ptx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for line := range strings.Lines(plain) {
		line = strings.TrimRight(line, " \t\r\n")
		directive, _, _ := strings.Cut(strings.TrimLeft(line, " \t"), "\t")
		directive, _, _ = strings.Cut(directive, " ")
		if directive == "" || directive == ".file" || directive == ".loc" {
			continue
		}
		b.WriteString(moduleID.ReplaceAllString(line, "${1}00000000_"))
		b.WriteByte('\n')
	}
	if !strings.HasPrefix(b.String(), ".version ") {
		return "", errors.New("found other text than PTX, expected .version first")
	}
	return b.String(), nil
}

// blankComments replaces comments by spaces; line ends stay, and what is quoted.
func blankComments(text string) (string, error) {
	out := []byte(text)
	for i := 0; i < len(text); {
		switch {
		case text[i] == '"' || text[i] == '\'':
			i = skipQuoted(text, i)
		case strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				out[i] = ' '
				i++
			}
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i+2:], "*/")
			if n < 0 {
				return "", errors.New("found the end of the text, expected */")
			}
			for end := i + n + 4; i < end; i++ {
				if text[i] != '\n' {
					out[i] = ' '
				}
			}
		default:
			i++
		}
	}
	return string(out), nil
}

// skipQuoted returns the index after the string or character that starts at i, or
// i+1 where the line ends before it: what stands there separates digits.
func skipQuoted(text string, i int) int {
	for j := i + 1; j < len(text) && text[j] != '\n'; j++ {
		switch text[j] {
		case '\\':
			j++
		case text[i]:
			return j + 1
		}
	}
	return i + 1
}
