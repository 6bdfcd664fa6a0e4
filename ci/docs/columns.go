package main

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const width = 100 // of a line of prose, in characters

// address is what cannot be broken: a link's target or a bare address.
var address = regexp.MustCompile(`\]\([^)]*\)|<?https?://[^\s)>]+>?|\]:\s*\S+|(?:href|src)="[^"]*"`)

// columns returns a line for each line of prose that is too wide. Tables, blocks of
// code and the addresses of links count for nothing.
func columns(all []*page) (wrong []string) {
	for _, p := range all {
		for i, l := range p.lines {
			if l.kind != prose {
				continue
			}
			if n := utf8.RuneCountInString(strings.TrimRight(address.ReplaceAllString(l.text, ""), " ")); n > width {
				wrong = append(wrong, fmt.Sprintf("%s:%d: found %d columns, expected at most %d", p.file, i+1, n, width))
			}
		}
	}
	return wrong
}
