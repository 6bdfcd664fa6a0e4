package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// writeText writes the fingerprints of a run's text into its folder.
func writeText(tb testing.TB, dir string, f train.Fingerprint) {
	tb.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, train.TextName), text, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// Two runs that differ in their seed are one group where their text is one,
// wherever it was, and two where it is not; the report says which text differs.
func TestTextsAreCompared(t *testing.T) {
	for name, change := range map[string]struct {
		text   *train.Fingerprint // of the second run; nil: it has none
		corpus string             // of the second run
		groups int
		warns  string
	}{
		"same text":               {&train.Fingerprint{Train: "t", Valid: "v", Vocab: "w"}, "", 1, ""},
		"same text elsewhere":     {&train.Fingerprint{Train: "t", Valid: "v", Vocab: "w"}, "/moved", 1, ""},
		"another validation text": {&train.Fingerprint{Train: "t", Valid: "x", Vocab: "w"}, "", 2, "differ in validation text: their losses do not compare"},
		"another vocabulary":      {&train.Fingerprint{Train: "x", Valid: "x", Vocab: "x"}, "", 2, "differ in vocabulary: their losses do not compare"},
		"another training text":   {&train.Fingerprint{Train: "x", Valid: "v", Vocab: "w"}, "", 2, "differ in training text"},
		"older version":           {nil, "/text", 2, "of an older version and has no fingerprint"},
		"older demo corpus":       {nil, "", 2, "older versions drew the demo corpus by it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			runs := []made{madeSweep(3, 100)[2], madeSweep(3, 100)[2]}
			runs[0].name, runs[1].name = "a", "b"
			runs[1].config.Seed += 5
			if change.corpus != "" {
				runs[1].config.Corpus = []string{change.corpus}
			}
			writeSweep(t, dir, runs, 10)
			second := filepath.Join(dir, sweep.RunsName, "b")
			if change.text != nil {
				writeText(t, second, *change.text)
			} else if err := os.Remove(filepath.Join(second, train.TextName)); err != nil {
				t.Fatal(err)
			}
			r := reportOf(t, dir)
			if got := len(groups(r.data.Runs)); got != change.groups {
				t.Errorf("found %d groups, expected %d", got, change.groups)
			}
			warned := slices.ContainsFunc(r.Warnings(), func(w string) bool { return strings.Contains(w, change.warns) })
			if change.warns == "" && len(r.Warnings()) > 0 || change.warns != "" && !warned {
				t.Errorf("found the warnings %q, expected %q", r.Warnings(), change.warns)
			}
		})
	}
}
