package train

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// validEvery: without validation text, every 20th document validates.
const validEvery = 20

// evalSeed draws the evaluation examples: the same in all runs, so that runs
// with different seeds are measured on the same masks.
const evalSeed = 0

// Text is what a run's text comes to.
type Text struct {
	VocabSize     int
	TrainTokens   int64
	ValidTokens   int64
	TrainExamples int // of an epoch
	// UnigramEntropy, in nats a token, is the loss of the best guess that knows
	// the validation set's token frequencies but no context: the mark that a
	// model must beat to have learnt anything.
	UnigramEntropy float64
	// TestTokens and TestEntropy are the same of the test text, 0 without one.
	TestTokens  int64
	TestEntropy float64
	Fingerprint Fingerprint
}

// Fingerprint tells texts apart by what they hold, in order. Each part is a SHA-256
// in hex; docs/formats.md says of what.
type Fingerprint struct {
	Train string `json:"train"`
	Valid string `json:"valid"`
	Vocab string `json:"vocab"`
	Test  string `json:"test,omitempty"` // "": there is none
}

// demoSeed draws the demo corpus: the same text in all runs, so that runs with
// different seeds compare.
const demoSeed = 1

// dataset is what a run reads: a training and a validation set over one vocabulary.
type dataset struct {
	vocab  *corpus.Vocab
	train  *corpus.Dataset // nil where nothing is trained
	valid  *corpus.Dataset
	test   *corpus.Dataset // nil: there is none
	counts string          // see countsOf
	text   Text
	report corpus.Report // as what the training text was read
	shared string        // warns of held-out text that is elsewhere too; "": there is none
}

// countsOf sums up a store's numbers of documents, sentences and occurrences of
// every token, in hex. Checkpoints of older versions have nothing else that
// tells their text.
func countsOf(s *corpus.Store) string {
	sum := sha256.New()
	fmt.Fprintln(sum, s.Documents(), s.NumSentences(), s.Counts())
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// loadData reads the data that a configuration names. vocab, when not nil, is
// the one that a checkpoint was trained with and takes the place of the
// configuration's. demo is the seed of the demo corpus. progress may be nil.
func loadData(ctx context.Context, c Config, vocab *corpus.Vocab, demo uint64, progress func(stage string, done, total int64)) (*dataset, error) {
	var err error
	if vocab == nil && c.Vocab != "" {
		if vocab, err = c.loadVocab(); err != nil {
			return nil, err
		}
		if err := c.checkVocabSize(vocab, c.Vocab); err != nil {
			return nil, err
		}
	}
	for _, paths := range [][]string{c.Valid, c.Test} { // a wrong name must not wait for the training text
		if len(paths) == 0 {
			continue
		}
		if err := corpus.CheckPaths(ctx, paths); err != nil {
			return nil, err
		}
	}
	var train, valid *corpus.Store
	var report corpus.Report
	switch {
	case len(c.Corpus) == 0:
		if len(c.Valid) > 0 {
			return nil, usage.Errorf("valid: found %v, but no corpus given, expected both or neither", c.Valid)
		}
		if c.Vocab != "" {
			return nil, usage.Errorf("vocab: found %q, but no corpus given, expected both (the demo corpus has its own)", c.Vocab)
		}
		given := vocab
		if train, valid, vocab, err = corpus.DemoStore(demo); err != nil {
			return nil, wrap("make the demo corpus", err)
		}
		if given != nil && given.SHA256() != vocab.SHA256() {
			return nil, usage.Errorf("corpus: none given, expected one: a vocabulary of %d tokens is given, which is not the demo corpus's", given.Size())
		}
	default:
		load := corpus.LoadOptions{Paths: c.Corpus, Vocab: vocab, VocabSize: c.VocabSize, Normalizer: c.normalizer(), Threads: c.Threads, Progress: progress}
		if load.Reading, err = c.reading(); err != nil {
			return nil, err
		}
		load.Report = &report
		if train, vocab, err = corpus.Load(ctx, load); err != nil {
			return nil, err
		}
		if len(c.Valid) > 0 {
			load.Paths, load.Vocab, load.Report = c.Valid, vocab, nil
			if valid, _, err = corpus.Load(ctx, load); err != nil {
				return nil, err
			}
		} else if train, valid, err = train.Split(validEvery); err != nil {
			return nil, err
		}
	}
	if err := c.checkVocabSize(vocab, train.Name()); err != nil {
		return nil, err
	}
	if err := c.checkCased(vocab, train.Name()); err != nil {
		return nil, err
	}
	d := &dataset{vocab: vocab, counts: countsOf(train), text: textOf(vocab, valid), report: report}
	d.text.Fingerprint = Fingerprint{Train: train.Fingerprint(), Valid: valid.Fingerprint(), Vocab: vocab.SHA256()}
	d.shared = sharedText("valid", valid, train)
	o := c.datasetOptions()
	if d.train, err = corpus.NewDataset(train, vocab, o); err != nil {
		return nil, err
	}
	d.text.TrainTokens, d.text.TrainExamples = train.Tokens(), d.train.Examples()
	o.Seed = evalSeed
	if d.valid, err = corpus.NewDataset(valid, vocab, o); err != nil || len(c.Test) == 0 {
		return d, err
	}
	reading, err := c.reading()
	if err != nil {
		return nil, err
	}
	test, _, err := corpus.Load(ctx, corpus.LoadOptions{Paths: c.Test, Vocab: vocab, Threads: c.Threads, Progress: progress, Reading: reading})
	if err != nil {
		return nil, err
	}
	d.text.Fingerprint.Test, d.text.TestTokens, d.text.TestEntropy = test.Fingerprint(), test.Tokens(), corpus.UnigramEntropy(test)
	if d.shared == "" { // one warning is enough
		if d.shared = sharedText("test", test, train); d.shared == "" {
			d.shared = sharedText("test", test, valid)
		}
	}
	d.test, err = corpus.NewDataset(test, vocab, o)
	return d, err
}

// sharedText warns of documents of a held-out text, of the setting key, that are in another
// text too.
func sharedText(key string, held, other *corpus.Store) string {
	shared := held.SharedWith(other)
	if shared.Documents == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %d of %d documents of the held-out text, %.1f %% of its tokens, are in %s too: its loss is not that of unseen text",
		key, shared.Documents, held.Documents(), 100*float64(shared.Tokens)/float64(held.Tokens()), other.Name())
}

// reading says how the text of a configuration is read.
func (c *Config) reading() (corpus.Reading, error) {
	format, err := corpus.ParseFormat(c.CorpusFormat)
	return corpus.Reading{Format: format, TextField: c.TextField}, err
}

// vocabSizeGiven tells whether the configuration asks for a size of its own.
func (c *Config) vocabSizeGiven() bool {
	return settings.IsGiven(c, "vocab_size") || c.VocabSize != DefaultConfig().VocabSize
}

// checkVocabSize refuses a vocabulary that was not trained here and has another
// size than was asked for; from says where it is from.
func (c *Config) checkVocabSize(v *corpus.Vocab, from string) error {
	if c.vocabSizeGiven() && c.VocabSize != v.Size() {
		return usage.Errorf("%s: found a vocabulary of %d tokens, expected the vocab_size %d", from, v.Size(), c.VocabSize)
	}
	return nil
}

// loadVocab reads the configuration's vocabulary, with its own normalizer if it has one.
func (c *Config) loadVocab() (*corpus.Vocab, error) {
	v, own, err := huggingface.LoadVocab(c.Vocab)
	if err != nil || own {
		return v, err
	}
	return v.WithNormalizer(c.normalizer()), nil
}

// normalizer is that of a vocabulary that has none of its own.
func (c *Config) normalizer() corpus.Normalizer {
	if c.Cased {
		return corpus.CasedNormalizer()
	}
	return corpus.Normalizer{}
}

// checkCased refuses an uncased vocabulary where a cased one is asked for; from says
// where it is from.
func (c *Config) checkCased(v *corpus.Vocab, from string) error {
	if n := v.Normalizer(); c.Cased && !n.Cased {
		return usage.Errorf("cased: found a vocabulary for text that is %s, of %s, expected a cased one", n, from)
	}
	return nil
}

// loadEvalData reads another corpus than the run's for evaluation.
func loadEvalData(ctx context.Context, c Config, paths []string, vocab *corpus.Vocab, progress func(stage string, done, total int64)) (*dataset, error) {
	reading, err := c.reading()
	if err != nil {
		return nil, err
	}
	store, _, err := corpus.Load(ctx, corpus.LoadOptions{Paths: paths, Vocab: vocab, Threads: c.Threads, Progress: progress, Reading: reading})
	if err != nil {
		return nil, err
	}
	d := &dataset{vocab: vocab, text: textOf(vocab, store)}
	o := c.datasetOptions()
	o.Seed = evalSeed
	d.valid, err = corpus.NewDataset(store, vocab, o)
	return d, err
}

// textOf says what a validation text comes to.
func textOf(v *corpus.Vocab, valid *corpus.Store) Text {
	return Text{VocabSize: v.Size(), ValidTokens: valid.Tokens(), UnigramEntropy: corpus.UnigramEntropy(valid)}
}

// datasetOptions says how a run makes examples.
func (c *Config) datasetOptions() corpus.DatasetOptions {
	return corpus.DatasetOptions{SeqLen: c.SeqLen, MLMProbability: c.MLMProbability, Seed: c.Seed, NoNSP: c.NoNSP}
}
