package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
)

// ErrData marks input that no report can be made of.
var ErrData = errors.New("bad report input")

// dataError is an ErrData that reads as its text.
type dataError struct{ text string }

func (e *dataError) Error() string        { return e.text }
func (e *dataError) Is(target error) bool { return target == ErrData }

func dataErrorf(format string, args ...any) error {
	return &dataError{fmt.Sprintf(format, args...)}
}

// readResults reads the results of a sweep folder, by name; of two of one name the
// later one. None where there is no file.
func readResults(dir string) (map[string]sweep.Result, error) {
	path := filepath.Join(dir, sweep.ResultsName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, dataErrorf("%s: found %v, expected a readable file", path, err)
	}
	return parseResults(path, text)
}

// parseResults reads results.jsonl. A last line that is cut is passed over, one that only
// lacks its newline is not; keys that this program does not know are passed over too.
func parseResults(path string, text []byte) (map[string]sweep.Result, error) {
	all := map[string]sweep.Result{}
	for number := 1; len(text) > 0; number++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		text = rest
		if !whole && !json.Valid(line) {
			break
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r sweep.Result
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, dataErrorf("%s:%d: found %.80q, expected a JSON object of a run (%v)", path, number, line, err)
		}
		if r.Name == "" || r.Name == "." || filepath.Base(r.Name) != r.Name || !filepath.IsLocal(r.Name) {
			return nil, dataErrorf("%s:%d: found the name %.80q, expected that of a folder in %s", path, number, r.Name, sweep.RunsName)
		}
		all[r.Name] = r
	}
	return all, nil
}

// check compares a run with what its sweep says.
func (d *Data) check(r *Run) {
	if r.result.Status != sweep.Done {
		return
	}
	wrong := func(what string, found, expected any) {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s: found %s %v in %s, expected %v as in the run's %s", r.Dir, what, found, sweep.ResultsName, expected, metrics.FileName))
	}
	f := r.Final()
	if f == nil || len(r.Train) == 0 {
		wrong("status", "done", "an evaluation")
		return
	}
	if r.Test != nil && r.result.TestMLMLoss != nil && !(math.Abs(*r.result.TestMLMLoss-r.Test.MLMLoss) <= 1e-9*math.Abs(r.Test.MLMLoss)) {
		wrong("test_mlm_loss", *r.result.TestMLMLoss, r.Test.MLMLoss)
	}
	for _, v := range []struct {
		key  string
		said *float64
		is   float64
	}{
		{"steps", known(float64(r.result.Steps)), float64(r.Steps())}, {"flops", &r.result.FLOPs, r.FLOPsAt(r.Steps())},
		{"mlm_loss", r.result.MLMLoss, f.MLMLoss}, {"mlm_accuracy", r.result.MLMAccuracy, f.MLMAccuracy},
		{"nsp_loss", r.result.NSPLoss, f.NSPLoss}, {"nsp_accuracy", r.result.NSPAccuracy, f.NSPAccuracy},
		{"train_loss", r.result.TrainLoss, r.Train[len(r.Train)-1].Record.Loss},
	} {
		if v.said != nil && !(math.Abs(*v.said-v.is) <= 1e-9*math.Max(math.Abs(*v.said), math.Abs(v.is))) {
			wrong(v.key, *v.said, v.is)
		}
	}
}
