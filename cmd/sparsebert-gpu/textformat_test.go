package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// sentenceLines is text in BERT's own form: a sentence a line, in small letters.
func sentenceLines(documents int) string {
	var text strings.Builder
	for i := range documents {
		for j := range 6 {
			fmt.Fprintf(&text, "the dog of %s ran to %s .\n", name(7919*i+j), name(104729*(i+j)))
		}
		text.WriteByte('\n')
	}
	return text.String()
}

// prepare says as what it read the text, and warns of what is hardly meant so.
func TestPrepareSaysWhatWasRead(t *testing.T) {
	dir := t.TempDir()
	for file, c := range map[string]struct{ text, says string }{
		"bert.txt":   {sentenceLines(60), `read as sentence-lines: 1 file, 60 documents, 360 sentences (6.0 a document), such as "the dog of`},
		"rows.jsonl": {strings.Repeat(`{"id": 1, "body": "One here. Two there."}`+"\n", 60), "read as jsonl: 1 file, 60 documents, 120 sentences (2.0 a document)"},
		"notes.txt":  {strings.Repeat("A note of the day.\n\n", 60), "1.00 sentences a document; next sentence prediction needs two or more"},
		"text8":      {strings.Repeat("the dog ran to the cat ", 500), "put a blank line between documents, and give validation text (--valid)"},
	} {
		path, out := filepath.Join(dir, file), filepath.Join(dir, file+"-shards")
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := invoke("prepare", "-c", path, "-V", "16", "--text-field", "body", "-o", out)
		if code != 0 || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d, %s%s, expected %s", file, code, stdout, stderr, c.says)
		}
	}
	path := filepath.Join(dir, "rows.jsonl")
	code, _, stderr := invoke("prepare", "-c", path, "-V", "16", "-o", filepath.Join(dir, "none"))
	if want := `rows.jsonl:1: found no field "text" but "id", "body", expected a JSON object with a text "text" (--text-field)`; code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("exit code %d, %s, expected 2 and %s", code, stderr, want)
	}
	code, _, stderr = invoke("train", "-c", filepath.Join(dir, "text8"), "-V", "20", "--max-steps", "1", "-o", filepath.Join(dir, "run"))
	if code != 2 || !strings.Contains(stderr, "found 1 document, expected at least 40, to keep every 20th for validation: blank lines between documents, or validation text of its own (--valid)") {
		t.Errorf("one long text: exit code %d, %s", code, stderr)
	}
}

// A run inside the folder of its text is no part of the text, nor are shards.
func TestRunInsideItsText(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte(sentenceLines(60)), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run1")
	if code, _, stderr := invoke("train", "--layers", "1", "--hidden", "64", "--heads", "2", "--ffn", "128", "-V", "60", "--seq-len", "32",
		"--batch-size", "2", "--max-steps", "2", "--save-steps", "1", "--quiet", "-c", dir, "-o", run); code != 0 {
		t.Fatal(stderr)
	}
	if code, _, stderr := invoke("train", "--resume", "--quiet", "-o", run); code != 0 {
		t.Errorf("resumed: exit code %d, %s", code, stderr)
	}
	other := filepath.Join(t.TempDir(), "rows")
	if err := os.WriteFile(other, []byte(strings.Repeat(`{"body": "The dog of x ran. It ran to x on and on, and then the dog ran to the dog of x."}`+"\n", 60)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := invoke("eval", "--checkpoint", run, "-c", other, "--text-field", "body", "--corpus-format", "jsonl", "--batches", "2"); code != 0 || !strings.Contains(stdout, "masked tokens") {
		t.Errorf("evaluated on rows: exit code %d, %s%s", code, stdout, stderr)
	}
	for _, shards := range []string{"s1", "s2"} {
		code, _, stderr := invoke("prepare", "-V", "60", "-c", dir, "-o", filepath.Join(dir, shards))
		if code != 0 || !strings.Contains(stderr, "left out: "+run) {
			t.Errorf("%s: exit code %d, %s", shards, code, stderr)
		}
	}
}

// Text by a pipe, and a list of files.
func TestTextByPipeAndList(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has no /dev/fd that can be opened again")
	}
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := sentenceLines(60)
	go func() {
		_, _ = w.WriteString(text) // what is missing shows below
		_ = w.Close()
	}()
	list := filepath.Join(dir, "list.txt")
	for file, content := range map[string]string{"a.txt": text, "b.txt": text, "list.txt": "b.txt\n\n" + filepath.Join(dir, "a.txt") + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{fmt.Sprintf("/dev/fd/%d", r.Fd()): "60 documents, 360 sentences", "@" + list: "120 documents, 720 sentences"} {
		code, stdout, stderr := invoke("prepare", "-V", "60", "-c", path, "-o", filepath.Join(dir, "shards-"+want[:3]))
		if code != 0 || !strings.HasPrefix(stdout, want) {
			t.Errorf("%s: exit code %d, %s%s, expected %s", path, code, stdout, stderr, want)
		}
	}
}
