package corpus

import "github.com/sparsebert/sparsebert-gpu/internal/philox"

// startTries is how often drawOther looks for a sentence that fits: few
// sentences fit a small space, and a cut one would tell the label.
const startTries = 8

// span is a run of tokens in one document, from token skip of a sentence on.
type span struct{ sentence, skip, tokens int }

// sentencePair is the two parts of an example.
type sentencePair struct {
	a, b  span
	label int32
}

// drawPair splits segment i into A and B between two of its sentences, each
// place as likely, then keeps B (IsNext) or, as likely, draws another
// (NotNext). A lone sentence is split between two of its words. So A says
// nothing of the label. A segment of a single token, which cannot be split, is
// always NotNext.
func (d *Dataset) drawPair(s *scratch, i int, draw *philox.Stream) sentencePair {
	var last bool
	s.units, last = d.segmentUnits(s.units[:0], i)
	units := s.units
	total := int(units[len(units)-1])
	start := span{int(d.segments[i].sentence), int(d.segments[i].skip), total}
	cut, follow := total, 1 // tokens of A; sentences of the true B
	if n := len(units) - 1; n > 1 {
		at := 1 + draw.IntN(n-1)
		cut, follow = int(units[at]), n-at
	} else if total > 1 {
		cut = d.cutSentence(s, start, draw)
	}
	p := sentencePair{a: span{start.sentence, start.skip, cut}, label: IsNext}
	if p.b = d.after(start, cut); cut < total && draw.Uint32()>>31 == 0 {
		return p
	}
	p.label = NotNext
	p.b = d.drawOther(s, other{start.sentence, d.o.SeqLen - 3 - cut, follow, last, len(units) == 2}, draw)
	return p
}

// after returns what is left of a span behind its first n tokens.
func (d *Dataset) after(w span, n int) span {
	w.tokens -= n
	w.skip += n
	for w.tokens > 0 {
		size := d.store.SentenceLen(w.sentence)
		if w.skip < size {
			break
		}
		w.sentence++
		w.skip -= size
	}
	return w
}

// cutSentence draws a place in w, which lies in one sentence, where a word
// begins that is not its first; anywhere inside where there is no such place.
func (d *Dataset) cutSentence(s *scratch, w span, draw *philox.Stream) int {
	s.words = d.store.appendFrom(s.words[:0], w.sentence, w.skip, w.tokens)
	starts := 0
	for _, id := range s.words[1:] {
		if !d.continues[id] {
			starts++
		}
	}
	if starts == 0 {
		return 1 + draw.IntN(w.tokens-1)
	}
	nth := draw.IntN(starts)
	for at := 1; ; at++ {
		if !d.continues[s.words[at]] {
			if nth == 0 {
				return at
			}
			nth--
		}
	}
}

// other says which B drawOther may draw.
type other struct {
	own     int  // a sentence of the document that it must not be from
	most    int  // tokens
	follow  int  // sentences that the true B had
	endsDoc bool // the segment ends its document
	lone    bool // a lone sentence was split
}

// drawOther draws a B of at most o.most tokens from any other document, then any
// of its sentences that has at least o.follow-1 behind it. From there it takes
// whole sentences, as segments are cut: while they fit and, if the segment ends
// its document, only as many as the true B had. Where a lone sentence was split, B
// too begins inside one. That way neither length nor punctuation tells the label.
// A first sentence that does not fit is drawn again; if startTries do not fit, the
// last is cut, between words where it can be.
func (d *Dataset) drawOther(s *scratch, o other, draw *philox.Stream) span {
	doc := draw.IntN(d.store.Documents() - 1)
	if doc >= d.store.DocumentOf(o.own) {
		doc++
	}
	first, end := d.store.Sentences(doc)
	var w span
	n := o.most + 1 // tokens of the first sentence
	for try := 0; try < startTries && n > o.most; try++ {
		w = span{sentence: first + draw.IntN(max(1, end-first-o.follow+1))}
		if n = d.store.SentenceLen(w.sentence); o.lone && n > 1 {
			w.skip = d.cutSentence(s, span{w.sentence, 0, n}, draw)
			n -= w.skip
		}
	}
	for sentence := w.sentence; w.tokens+n <= o.most; {
		w.tokens += n
		sentence++
		if sentence == end || o.endsDoc && sentence == w.sentence+o.follow {
			break
		}
		n = d.store.SentenceLen(sentence)
	}
	if w.tokens == 0 { // one token more shows whether a word begins there
		s.words = d.store.appendFrom(s.words[:0], w.sentence, w.skip, o.most+1)
		w.tokens = wordBreak(s.words, 0, o.most, d.continues)
	}
	return w
}
