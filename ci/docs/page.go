package main

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// page is a Markdown file, taken apart as far as the checks need it.
type page struct {
	file   string
	lines  []line
	blocks []block
}

// kind says what a line is part of.
type kind int

const (
	prose kind = iota
	code       // in a fence, or the fence itself
	table
)

// line is one line of a page, with spans of code blanked out in plain.
type line struct {
	text, plain string
	kind        kind
}

// block is a fenced block: the words after the fence and what stands inside. line
// is that of the fence.
type block struct {
	line int
	info []string
	text string
}

// pages reads the Markdown files that git knows or would add, but for test data.
func pages() ([]*page, error) {
	out, err := exec.Command("git", "ls-files", "-co", "--exclude-standard", "*.md").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var all []*page
	for _, file := range strings.Fields(string(out)) {
		if slices.Contains(strings.Split(path.Dir(file), "/"), "testdata") {
			continue
		}
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) { // taken away, not yet committed
			continue
		}
		if err != nil {
			return nil, err
		}
		p, err := parse(file, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

var codeSpan = regexp.MustCompile("``[^`]+``|`[^`]*`")

// parse takes a page apart. A fence that is not closed is an error.
func parse(file, text string) (*page, error) {
	p := &page{file: file}
	fence := ""
	for i, text := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(text)
		l := line{text: text}
		switch {
		case fence != "":
			l.kind = code
			if strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, fence[:1]) == "" {
				fence = ""
			} else {
				p.blocks[len(p.blocks)-1].text += text + "\n"
			}
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			l.kind = code
			info := strings.TrimLeft(trimmed, trimmed[:1])
			fence = trimmed[:len(trimmed)-len(info)]
			p.blocks = append(p.blocks, block{line: i + 1, info: strings.Fields(info)})
		case strings.HasPrefix(trimmed, "|"):
			l.kind = table
		}
		if l.kind != code {
			l.plain = codeSpan.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
		}
		p.lines = append(p.lines, l)
	}
	if fence != "" {
		return nil, fmt.Errorf("%s:%d: found no end of the block that begins there", file, p.blocks[len(p.blocks)-1].line)
	}
	return p, nil
}

var (
	heading  = regexp.MustCompile(`^#{1,6} +(.*?)[ #]*$`)
	named    = regexp.MustCompile(`<[a-z]+ [^>]*(?:id|name)="([^"]+)"`)
	linkText = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
)

// anchors returns the names that a link into the page may have, as GitHub makes
// them of headings: small letters, spaces as -, no other signs; -1, -2 and so on
// behind what is there already.
func (p *page) anchors() map[string]bool {
	found := map[string]bool{}
	count := map[string]int{}
	for _, l := range p.lines {
		if l.kind == code {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(l.plain, -1) {
			found[m[1]] = true
		}
		m := heading.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, linkText.ReplaceAllString(m[1], "$1"))
		if n := count[name]; n > 0 {
			found[fmt.Sprintf("%s-%d", name, n)] = true
		} else {
			found[name] = true
		}
		count[name]++
	}
	return found
}
