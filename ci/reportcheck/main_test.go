package main

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each kind of fault is found, and none where there is none.
func TestCheck(t *testing.T) {
	const (
		results = `{"name":"a","config":{"seed":1,"corpus":[]},"status":"done","flops":3e9,"mlm_loss":2.5}` + "\n" +
			`{"name":"b","config":{"seed":2},"status":"diverged","error":"step 3","flops":1,"mlm_loss":null}` + "\n"
		data = `{"runs":[{"name":"a","config":{"seed":1,"corpus":[],"threads":1},"status":"done","flops":3000000000,"mlm_loss":2.5,"seconds":3},` +
			`{"name":"b","config":{"seed":2},"status":"diverged","flops":1,"mlm_loss":null}],"figures":["loss"]}`
	)
	for _, c := range []struct{ name, old, new, says string }{
		{"nothing", "", "", ""},
		{"a number", "2.5", "2.5000000000000004", "run a: found mlm_loss 2.5000000000000004 in the page, expected 2.5"},
		{"a loss where there is none", `"mlm_loss":null`, `"mlm_loss":9`, "run b: found mlm_loss 9"},
		{"a key", `"flops":1,`, "", "run b: found flops <nil>"},
		{"a setting", `"seed":2`, `"seed":3`, "run b: config: found seed 3"},
		{"a run", `"name":"b"`, `"name":"c"`, "found no run b"},
		{"a run too many", `"runs":[`, `"runs":[{"name":"x"},`, "found 3 runs in the page and 2 results"},
		{"a figure", `["loss"]`, `["loss","pareto"]`, "pareto.svg"},
		{"no figure", `["loss"]`, `[]`, "found no figure"},
		{"a PNG", "PNG", "", "loss.png"},
		{"an SVG", "SVG", "", "loss.svg"},
		{"no data", "report-data", "data", "found no element report-data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			text := `<script type="application/json" id="report-data">` + data + "</script>"
			write(t, filepath.Join(dir, "page.html"), strings.Replace(text, c.old, c.new, 1))
			write(t, filepath.Join(dir, "results.jsonl"), results)
			var picture bytes.Buffer
			if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
				t.Fatal(err)
			}
			svg := `<svg xmlns="http://www.w3.org/2000/svg"></svg>`
			if c.old == "SVG" {
				svg = svg[:len(svg)-1]
			}
			if c.old == "PNG" {
				picture.Truncate(picture.Len() / 2)
			}
			write(t, filepath.Join(dir, "loss.svg"), svg)
			write(t, filepath.Join(dir, "loss.png"), picture.String())
			wrong, err := check(filepath.Join(dir, "results.jsonl"), filepath.Join(dir, "page.html"), dir)
			said := strings.Join(wrong, "\n")
			if err != nil {
				said += err.Error()
			}
			if c.says == "" && said != "" || !strings.Contains(said, c.says) {
				t.Errorf("found %q, expected %q", said, c.says)
			}
		})
	}
}
