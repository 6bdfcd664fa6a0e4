package report

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A results.jsonl alone makes the picture that its folders would make, and no figure over
// time.
func TestResultsFile(t *testing.T) {
	r, err := Make([]string{"../../bench/results/small-width-64.jsonl"}, "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.WriteFigures(dir); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"pareto.svg": true, "loss.svg": false, "speed.svg": false, "learning-rate.svg": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: found %v, expected it there: %v", name, err, there)
		}
	}
	// The numbers of the committed rows, by hand: the means of three seeds.
	picture, err := os.ReadFile(filepath.Join(dir, "pareto.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, loss := range []string{"loss 3.8942", "loss 3.9351", "loss 3.9878"} {
		if !strings.Contains(string(picture), loss) {
			t.Errorf("found no %q in the picture", loss)
		}
	}
	page := string(pageOf(t, r))
	if !strings.Contains(page, "Its result alone was read") || strings.Contains(page, "not a directory") {
		t.Error("expected the page to say that there are no folders, and not that they cannot be read")
	}
}

func TestResultsFileErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty":         "",
		"no JSON":       "nothing\n",
		"no name":       `{"name":"","config":{}}` + "\n",
		"wrong setting": `{"name":"a","config":{"growth":"magic"},"status":"done"}` + "\n",
	} {
		path := filepath.Join(dir, "r.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load([]string{path})
		if !errors.Is(err, ErrData) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: found %v, expected one line of ErrData that names the file", name, err)
		}
	}
}
