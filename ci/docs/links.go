package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

var (
	inline      = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)`)
	reference   = regexp.MustCompile(`^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)`)
	attribute   = regexp.MustCompile(`<(?:a|img|source)\s[^>]*(?:href|src|srcset)="([^"]+)"`)
	elsewhere   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)
	inTree      = regexp.MustCompile("`((?:backend|bench|ci|cmd|cpu|docs|examples|experiments|gpu|internal|kernels|model|sparse|train)/[A-Za-z0-9_./-]+)`")
	placeholder = regexp.MustCompile(`(^|[/-])[A-Z]{2,}([/.-]|$)`)
	lineMark    = regexp.MustCompile(`^L(\d+)$`)
)

// links returns a line for each link of the pages that leads nowhere and for each
// path of the tree in a span of code that is not there, and the number of links that
// were followed. Links to other sites are not: no network.
func links(all []*page, root string) (wrong []string, followed int) {
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.file] = p.anchors()
	}
	for _, p := range all {
		for i, l := range p.lines {
			if l.kind == code {
				continue
			}
			for _, m := range inTree.FindAllStringSubmatch(l.text, -1) {
				if !there(root, m[1]) && !strings.HasPrefix(p.file, notebook) {
					wrong = append(wrong, fmt.Sprintf("%s:%d: `%s`: found no such file or folder", p.file, i+1, m[1]))
				}
			}
			for _, pattern := range []*regexp.Regexp{inline, reference, attribute} {
				for _, m := range pattern.FindAllStringSubmatch(l.plain, -1) {
					if elsewhere.MatchString(m[1]) {
						continue
					}
					followed++
					if why := follow(root, p.file, m[1], anchors); why != "" {
						wrong = append(wrong, fmt.Sprintf("%s:%d: link %s: %s", p.file, i+1, m[1], why))
					}
				}
			}
		}
	}
	return wrong, followed
}

// there says whether a path of the tree exists, or is one that git ignores, or has a
// word in capitals that stands for others, such as kernels/NAME.cu.
func there(root, path string) bool {
	if _, err := os.Stat(filepath.Join(root, path)); err == nil || placeholder.MatchString(path) {
		return true
	}
	ignored := exec.Command("git", "check-ignore", path, path+"/")
	ignored.Dir = root
	return ignored.Run() == nil
}

// follow says why a link from a page leads nowhere, or nothing.
func follow(root, from, link string, anchors map[string]map[string]bool) string {
	target, anchor, _ := strings.Cut(link, "#")
	target, err := url.PathUnescape(target)
	if err != nil {
		return err.Error()
	}
	file := from
	switch {
	case strings.HasPrefix(target, "/"):
		return "found a path from the root, expected one from the page's folder"
	case target != "":
		file = path.Join(path.Dir(from), target)
	}
	if file == ".." || strings.HasPrefix(file, "../") {
		return "found a path out of the repository, expected one in it"
	}
	info, err := os.Stat(filepath.Join(root, file))
	if err != nil {
		return "found no " + file
	}
	if anchor == "" {
		return ""
	}
	if m := lineMark.FindStringSubmatch(anchor); m != nil && !info.IsDir() {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return err.Error()
		}
		if n, _ := strconv.Atoi(m[1]); n < 1 || n > strings.Count(string(text), "\n") {
			return fmt.Sprintf("found %d lines in %s", strings.Count(string(text), "\n"), file)
		}
		return ""
	}
	if !anchors[file][anchor] {
		return fmt.Sprintf("found no heading #%s in %s", anchor, file)
	}
	return ""
}
