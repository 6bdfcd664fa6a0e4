package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site writes files into a folder and parses those that are pages.
func site(t *testing.T, files map[string]string) (all []*page, root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".md") {
			p, err := parse(name, text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
	}
	return all, root
}

func TestLinks(t *testing.T) {
	const other = "# One thing\n\n## `a_b`: Two, or more!\n\n## Same\n\n## Same\n\n```\n# no heading\n```\n<a id=\"by-hand\"></a>\n"
	for _, c := range []struct{ text, says string }{
		{"[a](docs/other.md) ![b](b.svg \"title\") [c](https://example.org/none) [d](#here) [f](docs)", ""},
		{"# Here\n[a](#here) [b](docs/other.md#one-thing) [c](docs/other.md#a_b-two-or-more) [d](docs/other.md#same-1) [e](docs/other.md#by-hand)", ""},
		{"[a](docs/none.md)", "page.md:1: link docs/none.md: found no docs/none.md"},
		{"x\n![a](none.svg)", "page.md:2: link none.svg"},
		{"[a](docs/other.md#two)", "found no heading #two in docs/other.md"},
		{"[a](docs/other.md#no-heading)", "found no heading #no-heading"},
		{"[a](docs/other.md#same-2)", "found no heading #same-2"},
		{"[a](#nowhere)", "found no heading #nowhere in page.md"},
		{"[a](../out.md)", "out of the repository"},
		{"[a](/docs/other.md)", "from the root"},
		{"text [a][x]\n\n[x]: docs/none.md", "page.md:3: link docs/none.md"},
		{"<img alt=\"b\" src=\"none.png\">", "link none.png"},
		{"| a |\n|---|\n| [a](none) |", "page.md:3: link none"},
		{"[a](a.go#L2) `[b](none)`\n```\n[c](none)\n```", ""},
		{"`docs/none.go`", "page.md:1: `docs/none.go`: found no such file or folder"},
		{"`docs/other.md` `other/none.go` `docs/*.md` `docs/none.md x` `docs/NAME.md` `docs/a-DATE/`", ""},
		{"[a](a.go#L3)", "found 2 lines in a.go"},
		{"[two](b.svg) on [a line](none)", "link none"},
		{"[a](docs/with%20space.md)", ""},
	} {
		files := map[string]string{"page.md": "# Here\n" + c.text, "docs/other.md": other, "docs/with space.md": "", "b.svg": "", "a.go": "package a\n\n"}
		if c.says != "" {
			files["page.md"] = c.text
		}
		all, root := site(t, files)
		wrong, _ := links(all, root)
		if got := strings.Join(wrong, "\n"); c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%q: found %q, expected %q", c.text, got, c.says)
		}
	}
}

func TestParse(t *testing.T) {
	p, err := parse("a.md", "````sh run\n```\necho\n````\ntext\n~~~\nx\n~~~\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.blocks) != 2 || p.blocks[0].text != "```\necho\n" || p.blocks[1].text != "x\n" || p.blocks[1].line != 6 || strings.Join(p.blocks[0].info, " ") != "sh run" {
		t.Errorf("found blocks %+v", p.blocks)
	}
	if _, err := parse("a.md", "x\n```\ny\n"); err == nil || !strings.HasPrefix(err.Error(), "a.md:2: ") {
		t.Errorf("error %v, expected one about a.md:2", err)
	}
}

func TestColumns(t *testing.T) {
	long := strings.Repeat("é", 101)
	for _, c := range []struct {
		text string
		bad  bool
	}{
		{long, true}, {long[2:], false}, {"- `" + long + "`", true}, {"# " + long, true},
		{"| " + long + " |", false}, {"```\n" + long + "\n```", false},
		{"[a](" + long + ")", false}, {"see https://" + long, false}, {"[a](x) " + long, true},
	} {
		all, _ := site(t, map[string]string{"a.md": c.text})
		if wrong := columns(all); (len(wrong) > 0) != c.bad {
			t.Errorf("%q: found %q, expected a fault: %v", c.text, wrong, c.bad)
		}
	}
}

func TestHashes(t *testing.T) {
	for text, bad := range map[string]bool{
		"since 68e5483": true, "`c06e983` did": true, "at 1234567 tokens": false, "a defaced facade": false, "68e5": false, "https://example.org/68e5483": false,
	} {
		all, _ := site(t, map[string]string{"a.md": text})
		if wrong := hashes(all); (len(wrong) > 0) != bad {
			t.Errorf("%q: found %q, expected a fault: %v", text, wrong, bad)
		}
	}
	all, _ := site(t, map[string]string{"docs/notebook/2026-11.md": "since 68e5483"})
	if wrong := hashes(all); len(wrong) > 0 {
		t.Errorf("found %q in the notebook, expected nothing", wrong)
	}
}

func TestCompare(t *testing.T) {
	const printed = "one\ntwo 3.5 s\nthree\nfour\n"
	for expected, ok := range map[string]bool{
		"one\ntwo ... s\nthree\n": true, "two 3.5 s\n": true, "one\n...\nfour\n": true, "...\nfour": true,
		"one\nthree\n": false, "three\none\n": false, "five\n": false, "one.\n": false, "tw\n": false, "two (s)\n": false,
	} {
		if why := compare(printed, expected); (why == "") != ok {
			t.Errorf("%q: found %q, expected a fault: %v", expected, why, !ok)
		}
	}
}

// Blocks of a page share a folder; those of another page do not see it, and
// neither does the tree.
func TestExecute(t *testing.T) {
	scratch := t.TempDir()
	if out, err := execute(scratch, scratch, "echo hello >a\ncat a"); err != nil || out != "hello\n" {
		t.Errorf("found %q, error %v", out, err)
	}
	if _, err := execute(scratch, scratch, "echo oh dear\nfalse\necho on"); err == nil || !strings.Contains(err.Error(), "oh dear") || strings.Contains(err.Error(), "on ") {
		t.Errorf("error %v, expected that of the second command", err)
	}
	if _, err := execute(scratch, scratch, "cat $none"); err == nil {
		t.Error("found no error for a variable that is not set")
	}
}
