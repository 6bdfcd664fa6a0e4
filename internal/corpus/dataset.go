package corpus

import (
	"fmt"
	"math"
	"slices"
)

// minSeqLen is the shortest sequence: [CLS] A [SEP] B [SEP] with a token each.
const minSeqLen = 5

// DatasetOptions says how examples are made.
type DatasetOptions struct {
	SeqLen         int     // S, tokens of a sequence with [CLS], [SEP] and padding; at least 5
	MLMProbability float64 // fraction of the tokens to mask, in (0, 1)
	Seed           uint64
	// NoNSP makes examples of one part, [CLS] A [SEP], without a label: A is a run of
	// consecutive sentences of a document, as many as fit.
	NoNSP bool
}

// specials returns how many tokens of a sequence are [CLS] and [SEP].
func (o DatasetOptions) specials() int {
	if o.NoNSP {
		return 2
	}
	return 3
}

// MaxMasked returns the most tokens that are masked in a sequence: max(1,
// round(p*(S-3))), as [CLS] and the two [SEP] do not count; with NoNSP, S-2.
func (o DatasetOptions) MaxMasked() int { return maskBudget(o.SeqLen-o.specials(), o.MLMProbability) }

// Dataset makes pre-training examples (Devlin et al. 2019: masked language
// model and next sentence prediction) from a store. The store's documents are
// cut once into segments; each epoch makes one example of each segment. Segment
// order, sentence pairs and masks are drawn afresh in every epoch, from Philox
// coordinates of the example alone, so that any example can be made again from
// its number. A Dataset is read-only: any number of goroutines may use it.
type Dataset struct {
	store     *Store
	o         DatasetOptions
	segments  []segment // one behind the last ends the list
	continues []bool    // [V], whether a token continues a word

	pad, cls, sep, mask int32
	special             [5]int32 // all special ids, ascending
	unmaskable          [4]int32
}

// NewDataset cuts the store into segments; v must be the vocabulary of the
// store's tokens.
//
// It is a DataError if the store has fewer than two documents, as a pair that
// does not belong together needs two, or fewer than SeqLen-3 tokens, or if v
// has not the store's size or nothing but special tokens. Options out of range
// give a plain error.
func NewDataset(s *Store, v *Vocab, o DatasetOptions) (*Dataset, error) {
	if o.SeqLen < minSeqLen {
		return nil, fmt.Errorf("making a data set: found sequence length %d, expected at least %d", o.SeqLen, minSeqLen)
	}
	if !(o.MLMProbability > 0 && o.MLMProbability < 1) {
		return nil, fmt.Errorf("making a data set: found MLM probability %v, expected one between 0 and 1", o.MLMProbability)
	}
	if s.VocabSize() != v.Size() {
		return nil, badData(s.name, fmt.Sprintf("tokens of a vocabulary of %d", s.VocabSize()), fmt.Sprintf("one of %d", v.Size()))
	}
	if v.Size() <= len(specialTokens) {
		return nil, badData(s.name, "a vocabulary of special tokens alone", "words too, to mask with")
	}
	if s.documents < 2 && !o.NoNSP {
		return nil, badData(s.name, counted(s.documents, "document"),
			"at least 2: half of the sentence pairs join two documents (a blank line or a WikiText title starts one)")
	}
	if least := o.SeqLen - o.specials(); s.tokens < int64(least) {
		return nil, badData(s.name, counted(int(s.tokens), "token"), fmt.Sprintf("at least %d, one sequence of %d", least, o.SeqLen))
	}
	if int64(s.sentences) > math.MaxUint32 {
		return nil, badData(s.name, fmt.Sprintf("%d sentences", s.sentences), fmt.Sprintf("at most %d", uint32(math.MaxUint32)))
	}
	d := &Dataset{
		store: s, o: o, continues: make([]bool, v.Size()),
		pad: v.Pad(), cls: v.Cls(), sep: v.Sep(), mask: v.Mask(),
		special:    [5]int32{v.Pad(), v.Unk(), v.Cls(), v.Sep(), v.Mask()},
		unmaskable: [4]int32{v.Pad(), v.Cls(), v.Sep(), v.Mask()},
	}
	slices.Sort(d.special[:])
	for id := range d.continues {
		d.continues[id] = v.Continuation(int32(id))
	}
	d.segments = cutSegments(s, o.SeqLen-o.specials(), d.continues)
	if n := int64(len(d.segments)); n > math.MaxUint32 {
		return nil, badData(s.name, fmt.Sprintf("%d segments", n-1), fmt.Sprintf("fewer than %d", uint32(math.MaxUint32)))
	}
	return d, nil
}

// counted returns "1 token" or "n tokens".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Examples returns N, the number of examples in an epoch.
func (d *Dataset) Examples() int { return len(d.segments) - 1 }

// Options returns the options that the data set was made with.
func (d *Dataset) Options() DatasetOptions { return d.o }

// Store returns the corpus under the data set.
func (d *Dataset) Store() *Store { return d.store }
