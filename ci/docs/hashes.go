package main

import (
	"fmt"
	"regexp"
	"strings"
)

var hexWord = regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)

// hashes returns a line for each word that looks like a commit's hash: a document
// says what is, and a hash in it tells a reader nothing.
func hashes(all []*page) (wrong []string) {
	for _, p := range all {
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
