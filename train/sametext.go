package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Differs names the first part in which two texts differ, "" where there is none.
func (f Fingerprint) Differs(g Fingerprint) string {
	switch {
	case f.Vocab != g.Vocab:
		return "vocabulary"
	case f.Train != g.Train:
		return "training text"
	case f.Valid != g.Valid:
		return "validation text"
	case f.Test != "" && g.Test != "" && f.Test != g.Test:
		return "test text"
	}
	return ""
}

// TextFile is what a run folder says of the text that the run reads.
type TextFile struct {
	Fingerprint
	// UnigramEntropy of the validation text: see Text. nil in folders of older versions.
	UnigramEntropy *float64 `json:"unigram_entropy,omitempty"`
}

// ReadFingerprint reads that of the text of the run in dir; nil where the folder is
// of an older version, which has none.
func ReadFingerprint(dir string) (*Fingerprint, error) {
	f, err := ReadTextFile(dir)
	if f == nil {
		return nil, err
	}
	return &f.Fingerprint, err
}

// ReadTextFile reads what the folder of a run says of its text; nil where the folder is
// of an older version, which has nothing of it.
func ReadTextFile(dir string) (*TextFile, error) {
	path := filepath.Join(dir, TextName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usage.Errorf("%s: found %v, expected a readable file", path, err)
	}
	f := &TextFile{}
	if err := json.Unmarshal(text, f); err != nil || f.Train == "" || f.Valid == "" || f.Vocab == "" {
		return nil, usage.Errorf("%s: found %.80q, expected the fingerprints of a text", path, text)
	}
	return f, nil
}

// demo is the seed of the demo corpus that a checkpoint was trained on, were it one:
// older versions took the run's.
func (s *savedState) demo() uint64 {
	if s.Text == nil {
		return s.Config.Seed
	}
	return demoSeed
}

// sameText checks that the data of a plan is what the run began with.
func (p resumePoint) sameText(plan *Plan) (warnings []string, err error) {
	if p.found == nil {
		return []string{"no checkpoint found, starting over"}, nil
	}
	c := plan.Config
	if p.saved.Text == nil {
		if p.saved.Corpus != plan.data.counts {
			return nil, c.refuse("corpus: found text with other documents, sentences or token counts in %s, expected the text that the run began with", named(c.Corpus))
		}
		return []string{"the checkpoint is of an older version and has no fingerprint of its text: whether the order of the training text and the validation text are those that the run began with is not known"}, nil
	}
	switch part := p.saved.Text.Differs(plan.Text.Fingerprint); part {
	case "":
		return nil, nil
	case "test text":
		return nil, usage.Errorf("test: found another text, or its documents in another order, in %s, expected the %s that the run began with", named(c.Test), part)
	case "validation text":
		if len(c.Valid) > 0 {
			return nil, c.refuse("valid: found another text, or its documents in another order, in %s, expected the %s that the run began with", named(c.Valid), part)
		}
		fallthrough
	default:
		return nil, c.refuse("corpus: found another text, or its documents in another order, in %s, expected the %s that the run began with", named(c.Corpus), part)
	}
}

// sameValid checks that the validation text is that of the run, in the order of its
// documents: an evaluation without it would not be the run's.
func (s *savedState) sameValid(d *dataset) (warnings []string, err error) {
	from := s.Config.Valid
	if len(from) == 0 {
		from = s.Config.Corpus
	}
	switch {
	case s.Text == nil && s.Corpus == "": // an import: no run read anything
		return nil, nil
	case s.Text == nil && s.Corpus != d.counts:
		return nil, usage.Errorf("corpus: found text with other documents, sentences or token counts in %s, expected the text that the run began with; --corpus evaluates on another", named(s.Config.Corpus))
	case s.Text == nil:
		return []string{"the checkpoint is of an older version and has no fingerprint of its text: whether the validation text is that of the run is not known"}, nil
	case s.Text.Valid != d.text.Fingerprint.Valid:
		return nil, usage.Errorf("valid: found another text, or its documents in another order, in %s, expected the validation text of the run; --corpus evaluates on another", named(from))
	}
	return nil, nil
}

// named names the paths of a text.
func named(paths []string) string {
	if len(paths) == 0 {
		return "the demo corpus"
	}
	return fmt.Sprint(paths)
}

// sameVocab checks a vocabulary that is newly named against the checkpoint's, which
// the run goes on with.
func (p resumePoint) sameVocab(c Config) error {
	path, err := absolute(c.Vocab)
	if err != nil || path == "" || path == p.saved.Config.Vocab {
		return err
	}
	v, _, err := huggingface.LoadVocab(path)
	if err != nil {
		return err
	}
	if v.SHA256() != p.vocab.SHA256() {
		return c.refuse("vocab: found %s with %d tokens, expected the %d tokens that the run began with", path, v.Size(), p.vocab.Size())
	}
	return nil
}
