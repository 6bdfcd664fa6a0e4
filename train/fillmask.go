package train

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Filler says which tokens a model puts for [MASK]. It is for one goroutine at a time.
type Filler struct {
	// Warnings say, a line each, what of the weights is read in another way than it is there.
	Warnings []string

	model     *model.Model
	vocab     *corpus.Vocab
	tokenizer *corpus.Tokenizer
}

// Filled is a [MASK] of a text with the likeliest tokens for it.
type Filled struct {
	Position int // of the [MASK] among the text's tokens, [CLS] being 0
	Tokens   []Likely
}

// Likely is a token with its probability: the softmax of the logits over the
// vocabulary.
type Likely struct {
	Token       string
	ID          int32
	Probability float64
}

// maskedAtOnce is how many [MASK] one forward pass predicts.
const maskedAtOnce = 16

// OpenFiller puts weights on a device: those of a step-N folder, of the newest good
// checkpoint of a run, or of a Hugging Face folder, which need not have the pooler and
// the NSP head. change, if it is not nil, may set the device, its precision and its
// threads. The caller closes the filler. IsUsage is true of errors about what path has.
func OpenFiller(path string, open Opener, change func(*Config)) (_ *Filler, err error) {
	c := DefaultConfig()
	c.InitFrom, c.NoNSP = path, true
	if change != nil {
		change(&c)
	}
	from, err := c.openInitialWeights()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.weights.Close()) }()
	from.keep(&c)
	if c.Dropout, c.SeqLen = from.config.Dropout, from.trainedPositions(); from.vocab == nil {
		return nil, usage.Errorf("%s: found neither vocab.txt nor tokenizer.json, expected one", path)
	}
	p := Plan{Config: c, sizes: &from.config}
	if err := p.resolve(from.vocab.Size(), unknownExamples); err != nil {
		return nil, err
	}
	b, err := open(c.Device, c.Precision, c.Threads)
	if err != nil {
		return nil, err
	}
	o := model.Options{MicroBatch: 1, SeqLen: c.SeqLen, MaxMasked: maskedAtOnce, Seed: c.Seed, FixedMasked: b.Capabilities().Recorder != nil}
	m, err := model.New(b, p.Model, o)
	if err == nil {
		err = from.put(m)
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	f := &Filler{model: m, vocab: from.vocab, tokenizer: corpus.NewTokenizer(from.vocab)}
	for _, note := range from.notes {
		if note != from.leftOut() { // which predicts no token
			f.Warnings = append(f.Warnings, note)
		}
	}
	return f, nil
}

// Close closes the device.
func (f *Filler) Close() error { return f.model.Backend().Close() }

// Fill returns the top likeliest tokens for each [MASK] of a text, in the order of the
// text, the likeliest first; of equal ones the one with the smaller id. The text is one
// segment. A text without [MASK], or with more tokens than the model has positions that
// were trained, is ErrUsage. Scores that are not finite are model.ErrNotFinite.
func (f *Filler) Fill(text string, top int) ([]Filled, error) {
	if !utf8.ValidString(text) {
		return nil, usage.Errorf("found invalid UTF-8 in %.40q, expected a text in UTF-8", text)
	}
	ids := append(f.tokenizer.Append([]int32{f.vocab.Cls()}, text), f.vocab.Sep())
	s := f.model.Options().SeqLen
	if len(ids) > s {
		return nil, usage.Errorf("found %d tokens with [CLS] and [SEP] in %.40q, expected at most %d", len(ids), text, s)
	}
	var masks []int32
	for i, id := range ids {
		if id == f.vocab.Mask() {
			masks = append(masks, int32(i))
		}
	}
	if len(masks) == 0 {
		return nil, usage.Errorf("found no [MASK] in %.40q, expected one or more", text)
	}
	var out []Filled
	for some := range slices.Chunk(masks, maskedAtOnce) {
		logits, _, err := f.model.Logits(f.batch(ids, some))
		if err != nil {
			return nil, fmt.Errorf("predict: %w", err)
		}
		for i, at := range some {
			v := f.vocab.Size()
			tokens, err := f.likeliest(logits[i*v:(i+1)*v], top)
			if err != nil {
				return nil, fmt.Errorf("predict the [MASK] at position %d: %w", at, err)
			}
			out = append(out, Filled{int(at), tokens})
		}
	}
	return out, nil
}

// batch is one sequence with the masked positions to predict. Their labels say nothing.
func (f *Filler) batch(ids, masks []int32) model.Batch {
	s := f.model.Options().SeqLen
	b := model.Batch{
		Size: 1, IDs: slices.Repeat([]int32{f.vocab.Pad()}, s), Segments: make([]int32, s), Lengths: []int32{int32(len(ids))},
		MaskedPos: slices.Repeat([]int32{-1}, maskedAtOnce), MaskedLabels: slices.Repeat([]int32{-1}, maskedAtOnce), NSPLabels: []int32{-1},
	}
	copy(b.IDs, ids)
	copy(b.MaskedPos, masks)
	for i := range masks {
		b.MaskedLabels[i] = 0
	}
	return b
}

// likeliest returns the tokens of the largest logits with the softmax of these. Logits
// that are not finite, of weights that are very large, are model.ErrNotFinite.
func (f *Filler) likeliest(logits []float64, top int) ([]Likely, error) {
	if i := slices.IndexFunc(logits, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }); i >= 0 {
		return nil, fmt.Errorf("logit of token %d: %w: found %v", i, model.ErrNotFinite, logits[i])
	}
	most, sum := slices.Max(logits), 0.0
	order := make([]int32, len(logits))
	for i, x := range logits {
		order[i] = int32(i)
		sum += math.Exp(x - most)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(logits[b], logits[a]), cmp.Compare(a, b)) })
	out := make([]Likely, min(top, len(order)))
	for i := range out {
		id := order[i]
		out[i] = Likely{f.vocab.Token(id), id, math.Exp(logits[id]-most) / sum}
	}
	return out, nil
}

// trainedPositions returns how many positions of the weights were trained: those of the
// run's sequences where it began at random, else all.
func (w *initialWeights) trainedPositions() int {
	if of, ok := w.weights.(*Weights); ok && of.Step > 0 && of.Config.InitFrom == "" {
		return min(of.Config.SeqLen, w.config.MaxPositions)
	}
	return w.config.MaxPositions
}

// put writes the weights into a model of their own sizes and blocks.
func (w *initialWeights) put(m *model.Model) error {
	b := m.Backend()
	for i, row := range m.Table() {
		var values []float32
		var err error
		if row.Sparse {
			kept, serr := w.weights.Sparse(row)
			if serr != nil {
				return serr
			}
			b.SetTopology(m.Params()[i], kept.Topology)
			values = kept.Val
		} else if values, err = w.weights.Dense(row); err != nil {
			return err
		}
		b.WriteFloats(m.Params()[i].Values(), 0, values)
	}
	b.Refresh(m.Params())
	return wrap("read "+w.path, b.Sync())
}
