package cost_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/cost"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// row returns the cells of the row of a table that begins with a name.
func row(t *testing.T, table, name string) string {
	t.Helper()
	for line := range strings.Lines(table) {
		if cells, ok := strings.CutPrefix(strings.TrimLeft(line, " "), name); ok {
			return strings.Join(strings.Fields(cells), " ")
		}
	}
	t.Fatalf("found no row %q in %s", name, table)
	return ""
}

func TestWrite(t *testing.T) {
	c := train.DefaultConfig()
	c.Model, c.VocabSize, c.Sparsity, c.Method = "mini", 30522, 0, model.Dense
	e, err := train.EstimateCost(c)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := cost.Write(&out, e); err != nil {
		t.Fatal(err)
	}
	// The figures of the paper, and of a dense model beside itself.
	if got := row(t, out.String(), "non-embedding (the paper's count)"); got != "2.617e+09 2.617e+09" {
		t.Errorf("found %q FLOPs, expected the paper's 2.617e9", got)
	}
	// 4 layers of 12 x 256^2 weights.
	if got := row(t, out.String(), "encoder weights"); got != "3145728 3145728" {
		t.Errorf("found %q encoder weights, expected 4 x 12 x 256 x 256", got)
	}
	if got := row(t, out.String(), "together"); got != cost.Mebibytes(e.MemoryBytes)+" "+cost.Mebibytes(e.DenseMemoryBytes) {
		t.Errorf("found %q of memory, expected %d and %d bytes", got, e.MemoryBytes, e.DenseMemoryBytes)
	}
}

func TestMebibytes(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0.0 MiB", 1 << 20: "1.0 MiB", 3 << 19: "1.5 MiB"} {
		if got := cost.Mebibytes(bytes); got != want {
			t.Errorf("%d: found %s, expected %s", bytes, got, want)
		}
	}
}

// A disk that is too small is an error behind the tables; one whose size is unknown is not.
func TestWriteDry(t *testing.T) {
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.SeqLen, c.BatchSize, c.MaxSteps, c.Updates = 1, 32, 2, 64, 8, 32, 4, 6, 3 // 3 phases, 2 updates
	c.OutputDir = filepath.Join(t.TempDir(), "run")
	d, err := train.DryRun(t.Context(), c, device.Opener{}.Open)
	if err != nil {
		t.Fatal(err)
	}
	for free, says := range map[int64]string{d.DiskBytes: "", -1: "", d.DiskBytes - 1: "disk: found "} {
		d.FreeBytes = free
		var out bytes.Buffer
		err := cost.WriteDry(&out, d)
		if (err == nil) != (says == "") || err != nil && !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%d bytes free: found error %v, expected %q", free, err, says)
		}
		for _, want := range []string{"PARAMETERS", "run: 6 steps of 4 sequences of 32 tokens, 2 topology updates", "     768 tokens, 256 in each of 3 phases; " + fmt.Sprintf("%.3g masked predictions for each of the %d active encoder weights", 768*0.15/float64(d.Estimate.EncoderActive), d.Estimate.EncoderActive), "disk: " + cost.Mebibytes(d.CheckpointBytes) + " a checkpoint"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("found %q, expected %q in it", out.String(), want)
			}
		}
		if strings.Contains(out.String(), "free)") != (free >= 0) {
			t.Errorf("%d bytes free: found %q", free, out.String())
		}
	}
}

// Where the updates end before the run does, what is between two of them is no equal part of it.
func TestTokensOfAnUpdateWindow(t *testing.T) {
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.SeqLen, c.BatchSize, c.MaxSteps, c.Updates = 1, 32, 2, 64, 8, 32, 4, 24, 3
	c.UpdateStart, c.UpdateEnd = 0.25, 0.75 // 12 steps: updates after 10 and 14
	c.OutputDir = filepath.Join(t.TempDir(), "run")
	d, err := train.DryRun(t.Context(), c, device.Opener{}.Open)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := cost.WriteDry(&out, d); err != nil {
		t.Fatal(err)
	}
	if want := "     3072 tokens, 512 between two topology updates; "; !strings.Contains(out.String(), want) {
		t.Errorf("found %s, expected %q in it", out.String(), want)
	}
}
