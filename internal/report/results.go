package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// The parts of a sweep folder.
const (
	resultsFile = "results.jsonl"
	runsFolder  = "runs"
)

// result is what a sweep says of one of its runs. It serves to check what the run
// folder says; a number that the sweep does not know is nil.
type result struct {
	Name    string   `json:"name"`
	Status  string   `json:"status"` // done, diverged or failed
	Steps   *float64 `json:"steps"`
	MLMLoss *float64 `json:"mlm_loss"` // of the final evaluation
	FLOPs   *float64 `json:"flops"`
}

// readResults reads the results of a sweep folder, by name; of two of one name the
// later one. None where there is no file.
func readResults(dir string) (map[string]result, error) {
	path := filepath.Join(dir, resultsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, dataErrorf("%s: found %v, expected a readable file", path, err)
	}
	return parseResults(path, text)
}

// parseResults reads results.jsonl. A last line without its end, as a sweep that
// is cut leaves it, is passed over; keys that this program does not know too.
func parseResults(path string, text []byte) (map[string]result, error) {
	all := map[string]result{}
	for number := 1; len(text) > 0; number++ {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		text = rest
		if !whole {
			break
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, dataErrorf("%s:%d: found %.80q, expected a JSON object of a run (%v)", path, number, line, err)
		}
		if r.Name == "" || r.Name == "." || filepath.Base(r.Name) != r.Name || !filepath.IsLocal(r.Name) {
			return nil, dataErrorf("%s:%d: found the name %.80q, expected that of a folder in %s", path, number, r.Name, runsFolder)
		}
		all[r.Name] = r
	}
	return all, nil
}
