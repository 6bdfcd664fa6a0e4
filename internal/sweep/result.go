package sweep

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The statuses of a finished run.
const (
	Done     = "done"
	Diverged = "diverged" // a loss or gradient was NaN or infinite; no second try would end otherwise
	Failed   = "failed"   // it is tried again when the sweep goes on
)

// The roles of a run.
const (
	RoleRun       = "run"       // one of the grid, with the chosen learning rate where one is chosen
	RoleCandidate = "candidate" // it tried a learning rate for others
)

// Result is a line of results.jsonl. Nothing in it depends on the clock or on how
// often the run was interrupted. The losses and accuracies are those of the last
// evaluation and nil unless the run is done.
type Result struct {
	Name   string          `json:"name"`
	Group  string          `json:"group"`
	Role   string          `json:"role"`
	Config json.RawMessage `json:"config"` // resolved; every setting that determines the numbers
	// Text has the fingerprints of what the run read; nil where it did not come to
	// its first step, and in results of older versions.
	Text *train.Fingerprint `json:"text,omitempty"`
	// UnigramEntropy, in nats a token, is the loss on the validation text of a guess that
	// knows word frequencies only; nil as Text.
	UnigramEntropy *float64 `json:"unigram_entropy,omitempty"`
	Status         string   `json:"status"`
	Error          string   `json:"error,omitempty"`
	Steps          int64    `json:"steps"`  // finished optimizer steps
	Tokens         int64    `json:"tokens"` // of the training examples of these steps, padding included
	FLOPs          float64  `json:"flops"`  // of these steps: the paper's count, forward and backward
	// All FLOPs that these steps executed, embeddings, heads and growth too, and of them
	// those of the dense gradients of growth by gradient. 0 in results of older versions.
	ExecutedFLOPs float64 `json:"executed_flops,omitempty"`
	GrowthFLOPs   float64 `json:"growth_flops,omitempty"`

	MLMLoss     *float64 `json:"mlm_loss"` // nats, on the validation text
	MLMAccuracy *float64 `json:"mlm_accuracy"`
	NSPLoss     *float64 `json:"nsp_loss"`
	NSPAccuracy *float64 `json:"nsp_accuracy"`
	TrainLoss   *float64 `json:"train_loss"` // MLM and NSP together, of the last training record

	// On the test text, measured once, after the last step; nil without one.
	TestMLMLoss     *float64 `json:"test_mlm_loss,omitempty"`
	TestMLMAccuracy *float64 `json:"test_mlm_accuracy,omitempty"`
}

// The files of a sweep's folder.
const (
	RunsName    = "runs"          // a folder of run folders
	ResultsName = "results.jsonl" // a Result each line
	fileName    = "sweep.yaml"
	timingsName = "timings.jsonl"
	fitName     = "fit.json"
)

// LearningRate returns the learning rate of a result's configuration.
func (r *Result) LearningRate() (float64, error) {
	var c struct {
		LearningRate *float64 `json:"learning_rate"`
	}
	if err := json.Unmarshal(r.Config, &c); err != nil || c.LearningRate == nil {
		return 0, fmt.Errorf("run %s: found no learning rate in its result, expected one", r.Name)
	}
	return *c.LearningRate, nil
}

// readResults reads a results.jsonl; none where there is no file.
func readResults(path string) (map[string]*Result, error) {
	out := map[string]*Result{}
	err := readLines(path, func(n int, line []byte) error {
		r := &Result{}
		if err := json.Unmarshal(line, r); err != nil || r.Name == "" || len(r.Config) == 0 || r.Status == Done && r.MLMLoss == nil {
			return usage.Errorf("%s:%d: found %.60q, expected the result of a run; remove the file, and the sweep makes it again from its runs", path, n, line)
		}
		out[r.Name] = r
		return nil
	})
	return out, err
}

// readLines hands over the lines of a file with their numbers; none where there is
// no file.
func readLines(path string, use func(n int, line []byte) error) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usage.Errorf("%s: found %v, expected a readable file", path, errors.Unwrap(err))
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for n := 1; lines.Scan(); n++ {
		if err := use(n, lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// writeLines writes values as lines of JSON. The file appears whole or stays as it
// was.
func writeLines[T any](path string, values []T) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("encode %s: %w", path, err)
		}
	}
	if err := renameio.WriteFile(path, out.Bytes(), 0o666); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Timing is a line of timings.jsonl: what one process did of a run.
type Timing struct {
	Name    string  `json:"name"`
	From    int64   `json:"from_step"` // steps that were finished before
	To      int64   `json:"to_step"`
	Seconds float64 `json:"seconds"` // loading the data and evaluations included
	Started string  `json:"started"`
}

// readTimings reads a timings.jsonl. A damaged line is left out: nothing depends
// on it.
func readTimings(path string) ([]Timing, error) {
	var out []Timing
	err := readLines(path, func(_ int, line []byte) error {
		var t Timing
		if json.Unmarshal(line, &t) == nil && t.Name != "" {
			out = append(out, t)
		}
		return nil
	})
	return out, err
}
