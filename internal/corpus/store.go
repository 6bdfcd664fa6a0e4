package corpus

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"
	"sort"
)

// section is a run of whole documents as token ids. Its three arrays are
// little-endian bytes, in memory or mapped from a shard, whose format they are:
//
//	docs  uint32 [documents+1]  number of each document's first sentence; last: sentences
//	sents uint32 [sentences+1]  number of each sentence's first token; last: tokens
//	toks  uint16 or uint32 [tokens]
//
// No document and no sentence is empty, so docs and sents ascend strictly.
type section struct {
	docs, sents, toks []byte
	width             int // bytes of a token: 2 or 4
}

func (s *section) documents() int     { return len(s.docs)/4 - 1 }
func (s *section) doc(i int) int      { return int(binary.LittleEndian.Uint32(s.docs[4*i:])) }
func (s *section) sentence(i int) int { return int(binary.LittleEndian.Uint32(s.sents[4*i:])) }

// append appends the tokens numbered [first, end) to dst.
func (s *section) append(dst []int32, first, end int) []int32 {
	if s.width == 2 {
		for b := s.toks[2*first : 2*end]; len(b) >= 2; b = b[2:] {
			dst = append(dst, int32(binary.LittleEndian.Uint16(b)))
		}
		return dst
	}
	for b := s.toks[4*first : 4*end]; len(b) >= 4; b = b[4:] {
		dst = append(dst, int32(binary.LittleEndian.Uint32(b)))
	}
	return dst
}

// count adds the ids of the tokens [first, end) to counts, which are indexed by
// id. It returns the number of the first token whose id counts does not hold,
// or -1.
func (s *section) count(counts []int64, first, end int) int {
	for i := first; i < end; i++ {
		var id uint32
		if s.width == 2 {
			id = uint32(binary.LittleEndian.Uint16(s.toks[2*i:]))
		} else {
			id = binary.LittleEndian.Uint32(s.toks[4*i:])
		}
		if uint64(id) >= uint64(len(counts)) {
			return i
		}
		counts[id]++
	}
	return -1
}

// run is a number of consecutive documents of one section, and where they stand
// in a store.
type run struct {
	*section
	firstDoc, endDoc   int // documents of the section
	firstSent          int // sentence of the section, section.doc(firstDoc)
	storeDoc, storeSen int // numbers in the store of the first document and sentence
}

// Store holds a corpus as token ids: documents of sentences of tokens, each
// numbered through from 0, with random access. No document or sentence in it is
// empty. It lives in memory or in mapped shards; reading it is safe for
// concurrent use, until Close.
type Store struct {
	name       string // the corpus, for errors
	runs       []run
	documents  int
	sentences  int
	tokens     int64
	counts     []int64   // [V]
	unmaskable [4]int32  // ids of [PAD] [CLS] [SEP] [MASK]
	sum        hash.Hash // of the documents' digests, see Fingerprint
	mappings   *mappings
}

// newStore returns an empty store over v. name stands for the corpus in errors.
func newStore(name string, v *Vocab) *Store {
	return &Store{
		name: name, counts: make([]int64, v.Size()), mappings: &mappings{}, sum: sha256.New(),
		unmaskable: [4]int32{v.Pad(), v.Cls(), v.Sep(), v.Mask()},
	}
}

// addRun appends the documents [first, end) of sec to the store, without their
// token counts.
func (s *Store) addRun(sec *section, first, end int) {
	firstSent, endSent := sec.doc(first), sec.doc(end)
	s.runs = append(s.runs, run{
		section: sec, firstDoc: first, endDoc: end, firstSent: firstSent,
		storeDoc: s.documents, storeSen: s.sentences,
	})
	s.documents += end - first
	s.sentences += endSent - firstSent
	s.tokens += int64(sec.sentence(endSent) - sec.sentence(firstSent))
}

// Name returns what errors call the corpus: its paths.
func (s *Store) Name() string { return s.name }

// Documents returns the number of documents.
func (s *Store) Documents() int { return s.documents }

// NumSentences returns the number of sentences in all documents.
func (s *Store) NumSentences() int { return s.sentences }

// Tokens returns the number of tokens, without any [CLS] or [SEP].
func (s *Store) Tokens() int64 { return s.tokens }

// VocabSize returns V.
func (s *Store) VocabSize() int { return len(s.counts) }

// Counts returns how often each id occurs, [V]. The caller may change it.
func (s *Store) Counts() []int64 { return slices.Clone(s.counts) }

// Sentences returns the range [first, end) of document doc's sentences; doc
// must be in [0, Documents).
func (s *Store) Sentences(doc int) (first, end int) {
	r := &s.runs[sort.Search(len(s.runs), func(i int) bool { return s.runs[i].storeDoc > doc })-1]
	d := r.firstDoc + doc - r.storeDoc
	shift := r.storeSen - r.firstSent
	return r.doc(d) + shift, r.doc(d+1) + shift
}

// DocumentOf returns the document of a sentence in [0, NumSentences).
func (s *Store) DocumentOf(sentence int) int {
	r, local := s.find(sentence)
	n := r.endDoc - r.firstDoc
	return r.storeDoc + sort.Search(n, func(i int) bool { return r.doc(r.firstDoc+i+1) > local })
}

// SentenceLen returns the number of tokens of a sentence in [0, NumSentences).
func (s *Store) SentenceLen(sentence int) int {
	r, i := s.find(sentence)
	return r.sentence(i+1) - r.sentence(i)
}

// AppendSentence appends the token ids of a sentence in [0, NumSentences) to
// dst and returns it.
func (s *Store) AppendSentence(dst []int32, sentence int) []int32 {
	r, i := s.find(sentence)
	return r.append(dst, r.sentence(i), r.sentence(i+1))
}

// appendFrom appends up to n tokens to dst: those of sentence from its token
// skip on, then those of the sentences behind it, as far as its run goes.
func (s *Store) appendFrom(dst []int32, sentence, skip, n int) []int32 {
	r, i := s.find(sentence)
	first := r.sentence(i) + skip
	return r.append(dst, first, min(first+n, r.sentence(r.doc(r.endDoc))))
}

// find returns the run that holds a sentence, and the sentence's number in the
// run's section.
func (s *Store) find(sentence int) (*run, int) {
	r := &s.runs[sort.Search(len(s.runs), func(i int) bool { return s.runs[i].storeSen > sentence })-1]
	return r, sentence - r.storeSen + r.firstSent
}

// Split divides the store in two without copying a token: valid has document
// every-1 and each every-th one after it, train the others, both in order.
// Closing either one or s closes all three. It is a DataError if the store has
// fewer than 2*every documents, since sentence pairs need two in each part.
func (s *Store) Split(every int) (train, valid *Store, err error) {
	if every < 2 {
		return nil, nil, fmt.Errorf("splitting %s: found every = %d, expected at least 2", s.name, every)
	}
	if s.documents < 2*every {
		return nil, nil, badData(s.name, counted(s.documents, "document"),
			fmt.Sprintf("at least %d, to keep every %dth for validation: blank lines between documents, or validation text of its own (--valid)", 2*every, every))
	}
	part := func() *Store {
		return &Store{name: s.name, counts: make([]int64, len(s.counts)), unmaskable: s.unmaskable, mappings: s.mappings, sum: sha256.New()}
	}
	train, valid = part(), part()
	train.rest(s, every)
	for _, r := range s.runs {
		for d := r.firstDoc; d < r.endDoc; {
			ahead := every - 1 - (r.storeDoc+d-r.firstDoc)%every // documents before the next one kept
			if ahead == 0 {
				valid.addRun(r.section, d, d+1)
				valid.sum.Write(r.digests(d, d+1))
				r.count(valid.counts, r.sentence(r.doc(d)), r.sentence(r.doc(d+1)))
				d++
				continue
			}
			end := min(d+ahead, r.endDoc)
			train.addRun(r.section, d, end)
			d = end
		}
	}
	for id, n := range s.counts {
		train.counts[id] = n - valid.counts[id]
	}
	return train, valid, nil
}

// Close releases the mapped shards, if there are any. No method of the store,
// nor of a Dataset over it, may be called afterwards.
func (s *Store) Close() error { return s.mappings.close() }

// UnigramEntropy returns -sum p(w) ln p(w), in nats a token, over the tokens
// that masking can hide: all but [PAD], [CLS], [SEP] and [MASK]; [UNK] counts.
// It is the MLM loss of the best prediction that ignores context. A store
// without such tokens has 0.
func UnigramEntropy(s *Store) float64 { return unigramEntropy(s.counts, s.unmaskable) }

func unigramEntropy(counts []int64, unmaskable [4]int32) float64 {
	var total int64
	for id, n := range counts {
		if !slices.Contains(unmaskable[:], int32(id)) {
			total += n
		}
	}
	entropy := 0.0
	for id, n := range counts {
		if n > 0 && !slices.Contains(unmaskable[:], int32(id)) {
			p := float64(n) / float64(total)
			entropy -= p * math.Log(p)
		}
	}
	return entropy
}
