// Command reportcheck compares a sweep's report with the sweep:
//
//	reportcheck RESULTS.jsonl PAGE.html FIGURES
//
// Every key of every result must stand in the page's element report-data with the
// same value, but for `error` and the settings that are none of the run's numbers; no
// run may be missing or in excess; and every figure that the page names must be in
// the folder as SVG and PNG that can be read. It prints what is wrong, a line each.
package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintf(os.Stderr, "reportcheck: found %d arguments, expected RESULTS.jsonl PAGE.html FIGURES\n", len(os.Args)-1)
		os.Exit(2)
	}
	wrong, err := check(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, line := range wrong {
		fmt.Fprintln(os.Stderr, "reportcheck: "+line)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
}

// page is what is read of the element report-data.
type page struct {
	Runs    []map[string]any `json:"runs"`
	Figures []string         `json:"figures"`
}

var dataElement = regexp.MustCompile(`(?s)<script type="application/json" id="report-data">(.*?)</script>`)

// check returns what is wrong, a line each.
func check(results, html, figures string) (wrong []string, err error) {
	text, err := os.ReadFile(html)
	if err != nil {
		return nil, err
	}
	m := dataElement.FindSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%s: found no element report-data, expected one", html)
	}
	var p page
	if err := json.Unmarshal(m[1], &p); err != nil {
		return nil, fmt.Errorf("%s: report-data: %w", html, err)
	}
	lines, err := os.ReadFile(results)
	if err != nil {
		return nil, err
	}
	found := map[string]map[string]any{}
	for _, r := range p.Runs {
		found[fmt.Sprint(r["name"])] = r
	}
	n := 0
	for line := range bytes.Lines(lines) {
		var r map[string]any
		if err := json.Unmarshal(line, &r); err != nil {
			return wrong, fmt.Errorf("%s: %w", results, err)
		}
		n++
		got := found[fmt.Sprint(r["name"])]
		if got == nil {
			wrong = append(wrong, fmt.Sprintf("found no run %v in the page", r["name"]))
			continue
		}
		delete(r, "error")
		wrong = append(wrong, differ(fmt.Sprintf("run %v", r["name"]), got, r)...)
	}
	if n == 0 || len(p.Runs) != n {
		wrong = append(wrong, fmt.Sprintf("found %d runs in the page and %d results, expected as many, and some", len(p.Runs), n))
	}
	return append(wrong, drawn(p.Figures, figures)...), nil
}

// differ compares the keys that want has, down to single values.
func differ(where string, got, want map[string]any) (wrong []string) {
	for key, w := range want {
		g, ok := got[key]
		if inner, isMap := w.(map[string]any); isMap {
			of, _ := g.(map[string]any)
			wrong = append(wrong, differ(where+": "+key, of, inner)...)
		} else if !ok || !reflect.DeepEqual(g, w) {
			wrong = append(wrong, fmt.Sprintf("%s: found %s %v in the page, expected %v", where, key, g, w))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// drawn checks the files of the figures.
func drawn(names []string, dir string) (wrong []string) {
	if len(names) == 0 {
		wrong = append(wrong, "found no figure, expected some")
	}
	for _, name := range names {
		for ending, read := range map[string]func([]byte) error{".svg": readSVG, ".png": readPNG} {
			path := filepath.Join(dir, name+ending)
			text, err := os.ReadFile(path)
			if err == nil {
				err = read(text)
			}
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("figure %s: %v", path, err))
			}
		}
	}
	return wrong
}

func readPNG(text []byte) error {
	_, err := png.Decode(bytes.NewReader(text))
	return err
}

// readSVG reads XML to its end, whose first element must be svg.
func readSVG(text []byte) error {
	first := ""
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		t, err := d.Token()
		if e, ok := t.(xml.StartElement); ok && first == "" {
			first = e.Name.Local
		}
		switch {
		case errors.Is(err, io.EOF) && first == "svg":
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("found %q, expected an element svg", first)
		case err != nil:
			return err
		}
	}
}
