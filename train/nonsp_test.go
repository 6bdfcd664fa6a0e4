package train_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Runs on masked tokens alone are equal bit by bit, those that were cut and resumed too,
// on the CPU and on the simulated GPU.
func TestMaskedTokensAlone(t *testing.T) {
	text := smallCorpus(t)
	for name, run := range map[string]struct {
		config train.Config
		cut    int64
		steps  int64
	}{
		"cpu": {smallRun(text, ""), 13, 30},
		"sim": {simRun(t, text), 3, simSteps},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "sim" {
				t.Skip("-short: the simulator's goroutines are looked at in its own package")
			}
			whole := run.config
			whole.Device, whole.NoNSP, whole.OutputDir = name, true, filepath.Join(t.TempDir(), "whole")
			watch := trained(t, whole, 0)
			if len(watch.evals) == 0 || watch.evals[0].NSPLoss != 0 || watch.evals[0].NSPAccuracy != 0 || watch.evals[0].MLMLoss <= 0 {
				t.Errorf("found evaluations %+v, expected an MLM loss and nothing of pairs", watch.evals)
			}
			cut := whole
			cut.OutputDir = filepath.Join(t.TempDir(), "cut")
			trained(t, cut, run.cut)
			cut.Resume = true
			trained(t, cut, 0)
			checkEqual(t, "resumed", resultAt(t, cut.OutputDir, run.steps), resultAt(t, whole.OutputDir, run.steps))

			with := cut
			with.NoNSP = false
			if _, err := train.Run(t.Context(), with, openDevice, nil); !train.IsUsage(err) || !strings.Contains(err.Error(), "no_nsp") {
				t.Errorf("found error %v, expected one that names no_nsp", err)
			}
		})
	}
}

// A model without next sentence prediction goes out as BertForMaskedLM and comes in again,
// and takes the rest of one that has it. FLOPs are those of what is left.
func TestMaskedTokensAloneElsewhere(t *testing.T) {
	text := smallCorpus(t)
	dir := t.TempDir()
	run := smallRun(text, filepath.Join(dir, "run"))
	run.NoNSP, run.MaxSteps, run.Updates, run.Device = true, 3, 1, "cpu"
	trained(t, run, 0)
	folder := filepath.Join(dir, "folder")
	if _, err := train.Export(t.Context(), run.OutputDir, folder, train.FormatHF, "test"); err != nil {
		t.Fatal(err)
	}
	s, err := huggingface.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Missing) != 4 {
		t.Errorf("found %v missing, expected the pooler's and the NSP head's tensors", s.Missing)
	}

	again := train.DefaultConfig()
	again.InitFrom, again.OutputDir, again.NoNSP = folder, filepath.Join(dir, "again"), true
	in, err := train.Import(t.Context(), again, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Started) != 0 || !in.Model.NoNSP {
		t.Errorf("found %+v, expected nothing at random and no NSP", in)
	}
	again.NoNSP, again.OutputDir = false, filepath.Join(dir, "with")
	if _, err := train.Import(t.Context(), again, true); !train.IsUsage(err) || !strings.Contains(err.Error(), "--no-nsp") {
		t.Errorf("found error %v, expected one that names --no-nsp", err)
	}
	again.InitFrom = run.OutputDir // the same from the checkpoint
	if _, err := train.Import(t.Context(), again, true); !train.IsUsage(err) || !strings.Contains(err.Error(), "--init-heads") {
		t.Errorf("found error %v, expected one that names --init-heads", err)
	}
	again.InitHeads = true
	if in, err = train.Import(t.Context(), again, true); err != nil || len(in.Started) != 4 {
		t.Errorf("found %+v and error %v, expected four parameters at random", in, err)
	}
	again.NoNSP, again.InitHeads, again.InitFrom, again.OutputDir = true, false, again.OutputDir, filepath.Join(dir, "without")
	if in, err = train.Import(t.Context(), again, true); err != nil || len(in.Started) != 0 || len(in.Notes) != 1 || !strings.Contains(in.Notes[0], "left out") {
		t.Errorf("found %+v and error %v, expected a note about what is left out", in, err)
	}

	c := train.DefaultConfig()
	with, err := train.EstimateCost(c)
	if err != nil {
		t.Fatal(err)
	}
	c.NoNSP = true
	without, err := train.EstimateCost(c)
	if err != nil {
		t.Fatal(err)
	}
	h := float64(128) // of Tiny
	for _, p := range without.FLOPs {
		if p.Name == model.FLOPsPooler || p.Name == model.FLOPsNSPHead {
			t.Errorf("found FLOPs of the %s", p.Name)
		}
	}
	// Three products, two FLOPs a multiply-add, of [H, H] and [2, H] on one row each; and a
	// masked token more, where S-2 and not S-3 tokens count.
	perToken := 6 * (h*h + h*float64(1024))
	if got, want := with.ExecutedFLOPs-without.ExecutedFLOPs, 6*(h*h+2*h)-perToken*float64(without.MaxMasked-with.MaxMasked); got != want {
		t.Errorf("found %v FLOPs fewer, expected %v", got, want)
	}
	if with.NonEmbeddingFLOPs != without.NonEmbeddingFLOPs {
		t.Errorf("found %v non-embedding FLOPs, expected %v: heads do not count", without.NonEmbeddingFLOPs, with.NonEmbeddingFLOPs)
	}
	if got, want := with.Parameters-without.Parameters, int64(128*128+128+2*128+2); got != want {
		t.Errorf("found %d parameters fewer, expected %d", got, want)
	}
}
