package corpus

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Fingerprint is a SHA-256, in hex, of the text: of its documents in their order,
// each as its sentences' lengths and token ids. It is the same for text and for
// shards made of it, whatever their sizes and paths. The text was hashed as it was
// read; asking takes no pass over it. That of Split's training part is made of the
// whole text's, so a store of the same documents has another one.
func (s *Store) Fingerprint() string { return hex.EncodeToString(s.sum.Sum(nil)) }

// digests returns the SHA-256 of each of the documents [first, end), one behind the
// other. A document is hashed as little-endian bytes: the uint32 number of its
// sentences, the uint32 length of each, and the token ids in the section's width,
// which the size of the vocabulary gives.
func (s *section) digests(first, end int) []byte {
	out := make([]byte, 0, sha256.Size*(end-first))
	sum := sha256.New()
	var lengths []byte
	for d := first; d < end; d++ {
		from, to := s.doc(d), s.doc(d+1)
		lengths = binary.LittleEndian.AppendUint32(lengths[:0], uint32(to-from))
		for i := from; i < to; i++ {
			lengths = binary.LittleEndian.AppendUint32(lengths, uint32(s.sentence(i+1)-s.sentence(i)))
		}
		sum.Reset()
		sum.Write(lengths)
		sum.Write(s.toks[s.width*s.sentence(from) : s.width*s.sentence(to)])
		out = sum.Sum(out)
	}
	return out
}

// rest marks s as what remains of all without each every-th document: hashing all
// of it again would take a second pass over the text.
func (s *Store) rest(all *Store, every int) {
	fmt.Fprintf(s.sum, "without every %dth document: %s", every, all.Fingerprint())
}
