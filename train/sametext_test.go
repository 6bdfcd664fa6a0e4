package train_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// cutRun makes a run of four steps and leaves it with the checkpoint of its second.
func cutRun(t *testing.T, c train.Config) train.Config {
	t.Helper()
	c.MaxSteps, c.Updates, c.SaveSteps, c.EvalSteps, c.FinalBatches = 4, 1, 2, 0, 1
	if _, err := train.Run(t.Context(), c, openCPU, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.OutputDir, checkpoint.FolderName, "step-4")); err != nil {
		t.Fatal(err)
	}
	c, err := train.ReadRunConfig(c.OutputDir)
	if err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	return c
}

// rewrite replaces a text by what change makes of its documents.
func rewrite(t *testing.T, path string, change func(docs []string)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	docs := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	change(docs)
	if err := os.WriteFile(path, []byte(strings.Join(docs, "\n\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestResumeRefusesAnotherText(t *testing.T) {
	swap := func(docs []string) { docs[3], docs[4] = docs[4], docs[3] }
	for name, say := range map[string]struct {
		path func(c train.Config) string
		want string
	}{
		"training text in another order": {func(c train.Config) string { return c.Corpus[0] }, "corpus: found another text"},
		"another validation text":        {func(c train.Config) string { return c.Valid[0] }, "expected the validation text that the run began with"},
	} {
		c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
		c.Valid = []string{smallCorpus(t)}
		c = cutRun(t, c)
		rewrite(t, say.path(c), swap)
		_, err := train.Run(t.Context(), c, openCPU, nil)
		if !errors.Is(err, train.ErrUsage) || !strings.Contains(err.Error(), say.want) {
			t.Errorf("%s: found %v, expected an error of usage with %q", name, err, say.want)
		}
		if _, err := train.DryRun(t.Context(), c, openCPU); !errors.Is(err, train.ErrUsage) {
			t.Errorf("%s: found %v from a dry run, expected an error of usage", name, err)
		}
	}
}

// A text that was moved, the vocabulary too, is the same text.
func TestResumeTakesAMovedText(t *testing.T) {
	text := smallCorpus(t)
	c := cutRun(t, smallRun(text, filepath.Join(t.TempDir(), "run")))
	whole, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved.txt")
	if err := errors.Join(os.WriteFile(moved, whole, 0o644), os.Remove(text)); err != nil {
		t.Fatal(err)
	}
	was, err := train.ReadFingerprint(c.OutputDir)
	if err != nil {
		t.Fatal(err)
	}
	c.Corpus, c.Vocab = []string{moved}, filepath.Join(c.OutputDir, "vocab.txt")
	if _, err := train.Run(t.Context(), c, openCPU, nil); err != nil {
		t.Fatal(err)
	}
	is, err := train.ReadFingerprint(c.OutputDir)
	if err != nil || *is != *was {
		t.Errorf("found the fingerprints %v and error %v, expected %v", is, err, was)
	}
	if now, err := train.ReadRunConfig(c.OutputDir); err != nil || now.Corpus[0] != moved {
		t.Errorf("found the corpus %v and error %v in the run folder, expected %s", now.Corpus, err, moved)
	}
	other := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(other, []byte("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Vocab = other
	if _, err := train.Run(t.Context(), c, openCPU, nil); !errors.Is(err, train.ErrUsage) || !strings.Contains(err.Error(), "vocab") {
		t.Errorf("found %v, expected an error about another vocabulary", err)
	}
}

// warned notes the warnings of a run.
type warned struct {
	train.NopObserver
	texts []string
}

func (w *warned) Warned(text string) { w.texts = append(w.texts, text) }

func TestResumeWithoutCheckpointSaysSo(t *testing.T) {
	c := cutRun(t, smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run")))
	if err := os.RemoveAll(filepath.Join(c.OutputDir, checkpoint.FolderName)); err != nil {
		t.Fatal(err)
	}
	w := &warned{}
	if _, err := train.Run(t.Context(), c, openCPU, w); err != nil {
		t.Fatal(err)
	}
	if len(w.texts) != 1 || w.texts[0] != "no checkpoint found, starting over" {
		t.Errorf("found the warnings %q, expected one that there is no checkpoint", w.texts)
	}
}

// The demo corpus is the same for every seed.
func TestDemoCorpusHasNoSeed(t *testing.T) {
	var prints []train.Fingerprint
	for seed := range uint64(2) {
		c := train.DefaultConfig()
		c.Seed = 1 + seed
		p, err := train.NewPlan(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, p.Text.Fingerprint)
	}
	if prints[0] != prints[1] || prints[0].Train == prints[0].Valid {
		t.Errorf("found the fingerprints %v, expected one for both seeds", prints)
	}
}

// Validation text that is trained on is said once, with how much of it.
func TestValidationTextThatIsTrainedOn(t *testing.T) {
	folder := t.TempDir()
	write := func(name string, from, to int) string {
		var text strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&text, "The cat number %03d sat. The dog ran away.\n\n", i)
		}
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	corpus := write("corpus.txt", 0, 80)
	for valid, want := range map[string]string{
		write("other.txt", 80, 100): "",
		write("part.txt", 75, 95):   "valid: 5 of 20 documents of the held-out text, 25.0 % of its tokens,",
		corpus:                      "valid: 80 of 80 documents of the held-out text, 100.0 % of its tokens,",
		"":                          "", // every 20th document is kept aside
	} {
		c := train.DefaultConfig()
		c.Layers, c.Hidden, c.Heads, c.FFN, c.BlockSize, c.VocabSize, c.SeqLen, c.Corpus = 1, 32, 2, 64, 8, 60, 16, []string{corpus}
		if valid != "" {
			c.Valid = []string{valid}
		}
		p, err := train.NewPlan(t.Context(), c, nil)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, text := range p.Warnings {
			if strings.HasPrefix(text, "valid: ") {
				said = append(said, text)
			}
		}
		if want == "" && len(said) > 0 || want != "" && (len(said) != 1 || !strings.HasPrefix(said[0], want)) {
			t.Errorf("%s: found %q, expected %q", valid, said, want)
		}
	}
}
