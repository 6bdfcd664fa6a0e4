package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// hostile are names that a page must show and not obey.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</script><script>alert(1)`, `{{.Title}}`, `]]>`, "tab\tline\u2028\u202e&amp;",
}

// slash stands for / in the name of a folder.
func folderName(s string) string { return strings.ReplaceAll(s, "/", "\u2215") }

// inert removes what a page may hold: the data and scripts are looked at apart.
var script = regexp.MustCompile(`(?is)<script[^>]*>.*?</script>`)

// Names and settings of any kind stand in the page as text, in attributes and in
// the data; no tag comes of them.
func TestHostileNames(t *testing.T) {
	dir := t.TempDir()
	runs := madeSweep(len(hostile), 100)
	for i, h := range hostile {
		runs[i].name = folderName(h)
		runs[i].config.Corpus = []string{h}
		runs[i].config.Method = model.Dynamic
	}
	writeSweep(t, dir, runs, 10)
	for _, r := range runs {
		text := []byte(`{"command":["<i>"],"cpu":"</script><script>alert(1)</script>"}`)
		if err := os.WriteFile(filepath.Join(dir, sweep.RunsName, r.name, train.EnvironmentName), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page := pageOf(t, reportOf(t, dir))
	d := dataIn(t, page)
	for i, h := range hostile {
		found := false
		for _, r := range d.Runs {
			found = found || r["name"] == folderName(h)
		}
		if !found {
			t.Errorf("found no run %q in the data of the page", runs[i].name)
		}
	}
	if n := len(script.FindAll(page, -1)); n != 2 {
		t.Errorf("found %d script elements, expected the data and the page's own", n)
	}
	rest := script.ReplaceAll(page, nil)
	if got := regexp.MustCompile(`(?i)<(script|img|i>|iframe|object)|\son[a-z]+\s*=\s*["']`).Find(bytes.ReplaceAll(rest, []byte(`<svg`), nil)); got != nil {
		// In text and quoted attributes quotes and < are escaped, so that neither can be there.
		t.Errorf("found %q in the page", got)
	}
}

// No request leaves the page: it names no address but XML's own, and forbids all
// others.
func TestPageIsSelfContained(t *testing.T) {
	dir := t.TempDir()
	writeSweep(t, dir, madeSweep(6, 100), 10)
	r := reportOf(t, dir)
	page := string(pageOf(t, r))
	if !strings.Contains(page, `content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"`) {
		t.Error("the page does not forbid requests")
	}
	for _, address := range regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]+[^"'\s<]*`).FindAllString(page, -1) {
		if address != "http://www.w3.org/2000/svg" {
			t.Errorf("found the address %s", address)
		}
	}
	for _, m := range regexp.MustCompile(`(?i)(?:href|src|action|srcset|poster|data)\s*=\s*"([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "data:") {
			t.Errorf("found a reference to %.80s", m[1])
		}
	}
	if regexp.MustCompile(`(?i)url\(|@import`).MatchString(page) {
		t.Error("the style sheet refers to something")
	}
	if strings.Contains(page, "%!") {
		t.Error("a number was not formatted")
	}
	var served bytes.Buffer
	if err := r.HTML(&served, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(served.String(), "connect-src 'self'") {
		t.Error("the served page may not ask for news")
	}
}

// The tables show the numbers that the data have.
func TestTables(t *testing.T) {
	dir := t.TempDir()
	results := writeSweep(t, dir, madeSweep(12, 100), 10)
	page := string(pageOf(t, reportOf(t, dir)))
	for name, want := range results {
		loss, _ := json.Marshal(*want.MLMLoss)
		row := regexp.MustCompile(`<tr><td>` + regexp.QuoteMeta(name) + `</td><td>done</td>.*`).FindString(page)
		if !strings.Contains(row, `data-v="`+string(loss)+`"`) {
			t.Errorf("found %q, expected the loss %s", row, loss)
		}
	}
	d := dataIn(t, []byte(page))
	if len(d.Comparisons) != 8 {
		t.Errorf("found %d comparisons, expected four sizes of static and dynamic", len(d.Comparisons))
	}
	ratios := 0
	for _, c := range d.Comparisons {
		if c.Ratio != nil {
			ratios++
		}
	}
	if ratios == 0 {
		t.Error("found no FLOPs ratio")
	}
	// What differs is a column, what does not is none.
	head := regexp.MustCompile(`(?s)<table id="runs">.*?</thead>`).FindString(page)
	if !strings.Contains(head, "<th>method</th>") || strings.Contains(head, "<th>sparsity</th>") || strings.Contains(head, "<th>output_dir</th>") {
		t.Errorf("found the columns %s", head)
	}
}

// Figures are written as files, whole, and again over the old ones.
func TestWriteFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: drawing starts no goroutine")
	}
	r := reportOf(t, oneRun(t, "run"))
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		if err := r.WriteFigures(dir); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, f := range r.figures() {
		want += 2
		if f.meta().wide { // for narrow screens too
			want += 2
		}
	}
	if len(entries) != want || want < 20 {
		t.Errorf("found %d files, expected %d", len(entries), want)
	}
	for _, f := range r.figures() {
		text, err := os.ReadFile(filepath.Join(dir, f.meta().name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, string(text))
	}
}
