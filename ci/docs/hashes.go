package main

import (
	"fmt"
	"regexp"
	"strings"
)

var hexWord = regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)

// notebook holds the pages of history, which may name commits.
const notebook = "docs/notebook/"

// hashes returns a line for each word that looks like a commit's hash: a document
// says what is, and a hash in it tells a reader nothing. The notebook is history.
func hashes(all []*page) (wrong []string) {
	for _, p := range all {
		if strings.HasPrefix(p.file, notebook) {
			continue
		}
		for i, l := range p.lines {
			for _, word := range hexWord.FindAllString(address.ReplaceAllString(l.text, ""), -1) {
				if strings.ContainsAny(word, "0123456789") && strings.ContainsAny(word, "abcdef") {
					wrong = append(wrong, fmt.Sprintf("%s:%d: found %s, expected no commit hash", p.file, i+1, word))
				}
			}
		}
	}
	return wrong
}
