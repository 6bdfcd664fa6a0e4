// Testreport reads the output of `go test -json` on standard input and prints
// it for a person: a line for each package, the output of each failed test, and
// at the end the slowest tests and every skipped test with its reason, so that no
// skipped test passes for a passed one. It exits with 1 when a test or a package
// failed, or when no test ran at all.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of test2json's output (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build events
	Test       string
	Output     string
	Elapsed    float64
}

// report collects what the stream says.
type report struct {
	out                     io.Writer
	output                  map[string][]string // of tests still running, by package and test
	builds                  map[string][]string // compiler output by import path
	skips                   []string
	slow                    []duration
	passed, failed, skipped int
	failedPackages          int
	sawTest                 map[string]bool
}

// duration is how long a test took with all its subtests, in seconds.
type duration struct {
	test    string
	seconds float64
}

// slowest is how many of the slowest tests are named.
const slowest = 20

func main() {
	r := &report{out: os.Stdout, output: map[string][]string{}, builds: map[string][]string{}, sawTest: map[string]bool{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.finish() {
		os.Exit(1)
	}
}

// read consumes the whole stream. Lines that are not JSON (the go command's own
// complaints) are printed as they are and count as a failure.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(r.out, lines.Text())
			if len(strings.TrimSpace(lines.Text())) > 0 && !strings.HasPrefix(lines.Text(), "go: downloading") {
				r.failedPackages++
			}
			continue
		}
		r.add(e)
	}
	return lines.Err()
}

// add takes one event.
func (r *report) add(e event) {
	if e.Action == "build-output" {
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
		return
	}
	if e.Action == "build-fail" {
		fmt.Fprintf(r.out, "FAIL build %s\n%s", e.ImportPath, strings.Join(r.builds[e.ImportPath], ""))
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.output[key] = append(r.output[key], e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	text := r.output[key]
	delete(r.output, key)
	if e.Test == "" {
		r.endPackage(e, text)
		return
	}
	r.sawTest[e.Package] = true
	if !strings.Contains(e.Test, "/") && e.Elapsed >= 1 {
		r.slow = append(r.slow, duration{key, e.Elapsed})
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprintf(r.out, "--- FAIL: %s %s (%.2fs)\n%s", e.Package, e.Test, e.Elapsed, strings.Join(text, ""))
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(text)))
	}
}

// endPackage prints the package's line.
func (r *report) endPackage(e event, text []string) {
	switch {
	case e.Action == "fail":
		r.failedPackages++
		// What stands here and in no test: panics, data races, os.Exit, timeouts.
		fmt.Fprintf(r.out, "FAIL %s (%.1fs)\n%s", e.Package, e.Elapsed, strings.Join(text, ""))
		for key, lines := range r.output {
			if strings.HasPrefix(key, e.Package+" ") {
				fmt.Fprintf(r.out, "    unfinished: %s\n%s", key, strings.Join(lines, ""))
			}
		}
	case e.Action == "skip" || !r.sawTest[e.Package]:
		fmt.Fprintf(r.out, "--   %s (no tests)\n", e.Package)
	default:
		fmt.Fprintf(r.out, "ok   %s (%.1fs)\n", e.Package, e.Elapsed)
	}
}

// reason returns what a skipped test said, without the framework's own lines.
func reason(text []string) string {
	var kept []string
	for _, line := range text {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "===") || strings.HasPrefix(line, "---") {
			continue
		}
		kept = append(kept, line)
	}
	if len(kept) == 0 {
		return "no reason given"
	}
	return strings.Join(kept, " ")
}

// finish prints the summary and says whether everything passed.
func (r *report) finish() bool {
	if len(r.slow) > 0 {
		slices.SortFunc(r.slow, func(a, b duration) int { return cmp.Compare(b.seconds, a.seconds) })
		fmt.Fprintf(r.out, "\nslowest:\n")
		for _, d := range r.slow[:min(slowest, len(r.slow))] {
			fmt.Fprintf(r.out, "  %6.1f s  %s\n", d.seconds, d.test)
		}
	}
	if len(r.skips) > 0 {
		slices.Sort(r.skips)
		fmt.Fprintf(r.out, "\nskipped:\n")
		for _, s := range r.skips {
			fmt.Fprintf(r.out, "  %s\n", s)
		}
	}
	if r.passed == 0 {
		fmt.Fprintln(r.out, "no test passed")
	}
	if r.failedPackages > 0 && r.failed == 0 {
		fmt.Fprintf(r.out, "%d packages failed outside their tests\n", r.failedPackages)
		r.failed = r.failedPackages
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0 && r.failedPackages == 0 && r.passed > 0
}
