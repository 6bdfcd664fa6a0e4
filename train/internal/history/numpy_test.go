package history_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train/internal/history"
)

// The lines of Python in docs/formats.md read the files as the page says.
func TestNumPyReadsThem(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Saved topologies\n")
	_, section, begins := strings.Cut(section, "```python\n")
	program, _, ends := strings.Cut(section, "```\n")
	if !found || !begins || !ends || strings.Count(program, "\n") > 6 {
		t.Fatalf("found the program %q, expected one of six lines", program)
	}
	if err := exec.Command("python3", "-c", "import numpy").Run(); err != nil {
		t.Skip("no python3 with numpy: ", err)
	}
	dir := t.TempDir()
	tensor := history.Tensor{Name: "bert.encoder.layer.0.attention.self.query.weight", Topology: example(t)}
	for _, p := range []history.Point{{Step: 30, Update: 2}, {Step: 200, Update: 3}} {
		if err := history.Write(filepath.Join(dir, "run", history.FolderName), p, []history.Tensor{tensor}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("python3", "-c", program)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Two blocks of the start and one born at step 30.
	if want := "30 3 1 2 20.0 0.6666666666666666\n200 3 1 2 190.0 0.6666666666666666\n"; string(out) != want {
		t.Errorf("found %q, expected %q", out, want)
	}
}
