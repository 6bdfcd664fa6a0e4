package report

import (
	"fmt"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// key tells runs apart by what determines their numbers; c is the run's
// configuration without what may differ. The text counts by its fingerprint where
// there is one: a path does not tell what was there. Which text is the test is no part of
// it: nothing is trained or chosen by that.
func (r *Run) key(c train.Config) (string, error) {
	text := ""
	c.Test = nil
	if r.Text != nil {
		c.Corpus, c.Valid, c.Vocab = nil, nil, ""
		of := *r.Text
		of.Test = ""
		text = fmt.Sprint(of)
	}
	hash, err := c.Hash()
	return hash + text, err
}

// compare warns of runs whose losses do not compare.
func (d *Data) compare() {
	if len(d.Runs) < 2 {
		return
	}
	first := d.Runs[0]
	for _, r := range d.Runs[1:] {
		if what := incomparable(first, r); what != "" {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s and %s differ in %s: their losses do not compare", first.Name, r.Name, what))
			break
		}
	}
	known := func(r *Run) bool { return r.Text != nil }
	if i := slices.IndexFunc(d.Runs, func(r *Run) bool { return !known(r) }); i >= 0 && slices.ContainsFunc(d.Runs, known) {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s is of an older version and has no fingerprint of its text: whether the runs read the same one is not known", d.Runs[i].Name))
	}
	for _, r := range d.Runs[1:] {
		if otherTraining(first, r) {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s and %s differ in training text", first.Name, r.Name))
			break
		}
	}
}

// incomparable says in what two runs differ that their losses depend on beside the
// model, "" where there is nothing.
func incomparable(a, b *Run) string {
	const text = "text, vocabulary, sequence length or masking"
	x, y := a.Config, b.Config
	switch {
	case x.SeqLen != y.SeqLen || x.MLMProbability != y.MLMProbability:
		return text
	case x.NoNSP != y.NoNSP:
		return "no_nsp, and so in what the held-out text is cut into"
	case x.FinalBatches >= 0 && y.FinalBatches >= 0 && x.FinalBatches*x.BatchSize != y.FinalBatches*y.BatchSize:
		return "how much of the held-out text is measured (final_eval_batches, batch_size)"
	case a.Text != nil && b.Text != nil && a.Text.Vocab != b.Text.Vocab:
		return "vocabulary"
	case a.Text != nil && b.Text != nil && a.Text.Valid != b.Text.Valid:
		return "validation text"
	case a.Text != nil && b.Text != nil && a.Text.Test != "" && b.Text.Test != "" && a.Text.Test != b.Text.Test:
		return "test text"
	case a.Text != nil && b.Text != nil:
		return ""
	case !slices.Equal(x.Corpus, y.Corpus) || !slices.Equal(x.Valid, y.Valid) || x.Vocab != y.Vocab || x.VocabSize != y.VocabSize:
		return text
	case len(x.Corpus) == 0 && x.Seed != y.Seed && (a.Text == nil || b.Text == nil):
		return "seed, and so in text: older versions drew the demo corpus by it"
	}
	return ""
}

// otherTraining tells whether two runs are known to have read different training texts.
func otherTraining(a, b *Run) bool {
	return a.Text != nil && b.Text != nil && a.Text.Train != b.Text.Train
}

// alike tells whether a difference between the losses of two runs is one between their models:
// both have read one training text, and are measured on one held-out text in one way.
func alike(a, b *Run) bool { return incomparable(a, b) == "" && !otherTraining(a, b) }
