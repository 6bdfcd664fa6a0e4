package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// measuredRow is what a record of a benchmark on hardware says, of a product or of a step.
type measuredRow struct {
	Case
	Device    string  `json:"device"`
	Precision string  `json:"precision"`
	Hardware  string  `json:"hardware"`
	Seconds   float64 `json:"seconds_median"`

	Model     string `json:"model"` // of steps
	Sequences int    `json:"sequences"`
	SeqLen    int    `json:"seq_len"`
	Heads     int    `json:"heads"` // these three are 0 in records of older versions
	FFN       int    `json:"ffn"`
	VocabSize int    `json:"vocab_size"`
}

// measured are figures of hardware beside which estimates are printed.
type measured []measuredRow

// readMeasured reads a file that bench --json wrote on the device cuda.
func readMeasured(path string) (measured, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("bench: --measured: %w", err)
	}
	rows, err := parseMeasured(text)
	if err != nil {
		return nil, usage.Errorf("bench: --measured: %s: %w", path, err)
	}
	return rows, nil
}

// parseMeasured reads a list of records and refuses what is no time of a GPU.
func parseMeasured(text []byte) (measured, error) {
	var rows measured
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("found no list of bench's records (%w)", err)
	}
	for i, r := range rows {
		if r.Device != "cuda" || r.Hardware == "" || !(r.Seconds > 0 && r.Seconds < 1e9) {
			return nil, fmt.Errorf("record %d: found device %q, hardware %q, seconds_median %v, expected cuda, its name and a time", i+1, r.Device, r.Hardware, r.Seconds)
		}
	}
	return rows, nil
}

// of says whether the figure is of a GPU of that label, as "H200 SXM 141 GB": its first word counts.
func (r *measuredRow) of(label string) bool {
	word, _, _ := strings.Cut(label, " ")
	return strings.Contains(strings.ToLower(r.Hardware), strings.ToLower(word))
}

// product returns the figure of a product on a GPU; nil: there is none.
func (m measured) product(c Case, precision, label string, estimated float64) *Compared {
	for i := range m {
		if r := &m[i]; r.Case == c && r.Model == "" && r.Precision == precision && r.of(label) {
			return compare(estimated, r.Seconds, r.Hardware)
		}
	}
	return nil
}

// step returns the figure of a step on a GPU; nil: there is none.
func (m measured) step(s StepCase, label string, estimated float64) *Compared {
	for i := range m {
		r := &m[i]
		sizes := r.Heads == 0 || r.Heads == s.Heads && r.FFN == s.FFN && r.VocabSize == s.VocabSize
		if sizes && r.Model == s.Model && r.Model != "" && r.Block == s.Block && r.Sparsity == s.Sparsity && r.Sequences == s.Sequences && r.SeqLen == s.SeqLen &&
			r.Precision == s.Precision && r.of(label) {
			return compare(estimated, r.Seconds, r.Hardware)
		}
	}
	return nil
}
