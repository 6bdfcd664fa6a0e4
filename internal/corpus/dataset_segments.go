package corpus

// segment is a run of a document's tokens, from token skip of a sentence to
// where the next segment begins.
type segment struct {
	sentence uint32
	skip     uint32
}

// cutSegments cuts every document into segments of at most limit tokens, as
// few as whole sentences allow: a sentence that does not fit begins the next
// segment. A sentence longer than limit begins a segment and is cut, between
// words where it can be; what is left of it shares its segment with the
// sentences that follow. No token is lost. The last entry, behind the last
// sentence, ends the list.
func cutSegments(s *Store, limit int, continues []bool) []segment {
	var list []segment
	var ids []int32
	for doc := range s.Documents() {
		first, end := s.Sentences(doc)
		size := 0 // tokens of the segment begun
		for sentence := first; sentence < end; sentence++ {
			n := s.SentenceLen(sentence)
			if sentence == first || size+n > limit {
				list = append(list, segment{uint32(sentence), 0})
				size = 0
			}
			size += n
			if size <= limit {
				continue
			}
			ids = s.AppendSentence(ids[:0], sentence)
			skip := 0
			for n-skip > limit {
				skip = wordBreak(ids, skip, skip+limit, continues)
				list = append(list, segment{uint32(sentence), uint32(skip)})
			}
			size = n - skip
		}
	}
	return append(list, segment{uint32(s.NumSentences()), 0})
}

// wordBreak returns the last place in (from, to] where a word begins, or to if
// there is none.
func wordBreak(ids []int32, from, to int, continues []bool) int {
	for at := to; at > from; at-- {
		if !continues[ids[at]] {
			return at
		}
	}
	return to
}

// segmentUnits appends to units where each sentence of segment i, or piece of
// one, begins, in tokens from the segment's start, and at the end the segment's
// length. It also returns whether the segment is its document's last.
func (d *Dataset) segmentUnits(units []int32, i int) ([]int32, bool) {
	g, next := d.segments[i], d.segments[i+1]
	last := next.skip == 0 && (int(next.sentence) == d.store.NumSentences() ||
		d.store.DocumentOf(int(g.sentence)) != d.store.DocumentOf(int(next.sentence)))
	at := -int32(g.skip)
	for sentence := int(g.sentence); sentence < int(next.sentence); sentence++ {
		units = append(units, max(at, 0))
		at += int32(d.store.SentenceLen(sentence))
	}
	if next.skip > 0 {
		units = append(units, max(at, 0))
		at += int32(next.skip)
	}
	return append(units, at), last
}
