package corpus

import "crypto/sha256"

// Shared says how much of one text is in another.
type Shared struct {
	Documents int   // of the one that are, whole, in the other too
	Tokens    int64 // of these documents
}

// SharedWith returns how many of the store's documents are in another one over the same
// vocabulary, wherever they stand there. Documents of other are hashed only where one of
// the store's has as many sentences and tokens, so that a long training text is not hashed
// a second time.
func (s *Store) SharedWith(other *Store) Shared {
	type size struct{ sentences, tokens int }
	sizes := map[size]bool{}
	documents := func(t *Store, use func(r *run, d int, is size)) {
		for i := range t.runs {
			r := &t.runs[i]
			for d := r.firstDoc; d < r.endDoc; d++ {
				from, to := r.doc(d), r.doc(d+1)
				use(r, d, size{to - from, r.sentence(to) - r.sentence(from)})
			}
		}
	}
	documents(s, func(_ *run, _ int, is size) { sizes[is] = true })
	there := map[[sha256.Size]byte]bool{}
	documents(other, func(r *run, d int, is size) {
		if sizes[is] {
			there[[sha256.Size]byte(r.digests(d, d+1))] = true
		}
	})
	var shared Shared
	documents(s, func(r *run, d int, is size) {
		if there[[sha256.Size]byte(r.digests(d, d+1))] {
			shared.Documents++
			shared.Tokens += int64(is.tokens)
		}
	})
	return shared
}
