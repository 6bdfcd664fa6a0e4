package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
)

// A shard is a file, all of it little-endian:
//
//	 0  magic "SBGSHARD"
//	 8  uint32 version
//	12  uint32 bytes of a token: 2 where V <= 65536, else 4
//	16  uint64 V
//	24  uint64 documents
//	32  uint64 sentences
//	40  uint64 tokens
//	48  [32]byte SHA-256 of vocab.txt
//	80  the docs, sents and toks of a section, one behind the other
//	    [32]byte SHA-256 of everything before it
const (
	shardMagic   = "SBGSHARD"
	shardVersion = 1
	shardHead    = 80
	shardTail    = sha256.Size
)

// shardHeader is what the first shardHead bytes say.
type shardHeader struct {
	version, width                      uint32
	vocab, documents, sentences, tokens uint64
	vocabSum                            [sha256.Size]byte
}

func (h *shardHeader) encode() []byte {
	b := make([]byte, 0, shardHead)
	b = append(b, shardMagic...)
	b = binary.LittleEndian.AppendUint32(b, h.version)
	b = binary.LittleEndian.AppendUint32(b, h.width)
	for _, n := range []uint64{h.vocab, h.documents, h.sentences, h.tokens} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return append(b, h.vocabSum[:]...)
}

// writeShard writes sec to w as a shard over the vocabulary of the given size
// and SHA-256, and returns the entry that an index needs, but for the file name.
func writeShard(w io.Writer, sec *section, vocabSize int, vocabSum [sha256.Size]byte) (shardEntry, error) {
	n := sec.documents()
	h := shardHeader{
		version: shardVersion, width: uint32(sec.width), vocab: uint64(vocabSize), documents: uint64(n),
		sentences: uint64(sec.doc(n)), tokens: uint64(sec.sentence(sec.doc(n))), vocabSum: vocabSum,
	}
	sum := sha256.New()
	both := io.MultiWriter(w, sum)
	size := shardTail
	for _, part := range [][]byte{h.encode(), sec.docs, sec.sents, sec.toks} {
		if _, err := both.Write(part); err != nil {
			return shardEntry{}, err
		}
		size += len(part)
	}
	digest := sum.Sum(nil)
	if _, err := w.Write(digest); err != nil {
		return shardEntry{}, err
	}
	return shardEntry{
		Bytes: int64(size), SHA256: hex.EncodeToString(digest),
		Documents: int64(h.documents), Sentences: int64(h.sentences), Tokens: int64(h.tokens),
	}, nil
}

// parseShard checks data, the content of the shard at path, against its own
// header, offsets and checksum, and returns the section in it, which aliases
// data. Nothing is allocated by a size that the header states. Token ids remain
// to be checked: section.count does.
func parseShard(path string, data []byte) (*section, *shardHeader, error) {
	fault := func(at int64, found, expected string) error {
		return &DataError{Path: path, Offset: at, Found: found, Expected: expected}
	}
	if len(data) < shardHead+shardTail {
		return nil, nil, badData(path, fmt.Sprintf("%d bytes", len(data)),
			fmt.Sprintf("a token shard, at least %d bytes", shardHead+shardTail))
	}
	if !bytes.HasPrefix(data, []byte(shardMagic)) {
		return nil, nil, fault(0, fmt.Sprintf("%q", data[:len(shardMagic)]), fmt.Sprintf("a token shard, which starts with %q", shardMagic))
	}
	le := binary.LittleEndian
	h := &shardHeader{
		version: le.Uint32(data[8:]), width: le.Uint32(data[12:]), vocab: le.Uint64(data[16:]),
		documents: le.Uint64(data[24:]), sentences: le.Uint64(data[32:]), tokens: le.Uint64(data[40:]),
		vocabSum: [sha256.Size]byte(data[48:]),
	}
	if h.version != shardVersion {
		return nil, nil, fault(8, fmt.Sprintf("format version %d", h.version), fmt.Sprintf("version %d", shardVersion))
	}
	if h.width != 2 && h.width != 4 {
		return nil, nil, fault(12, fmt.Sprintf("tokens of %d bytes", h.width), "2 or 4")
	}
	// Every document and sentence takes bytes, so no count can exceed the size
	// of the file; with that known the sum below cannot overflow.
	size := uint64(len(data))
	for i, n := range []uint64{h.documents, h.sentences, h.tokens} {
		if n == 0 || n > size {
			what := [...]string{"documents", "sentences", "tokens"}[i]
			return nil, nil, fault(int64(24+8*i), fmt.Sprintf("%d %s", n, what), fmt.Sprintf("from 1 to %d", size))
		}
	}
	docs, sents, toks := 4*(h.documents+1), 4*(h.sentences+1), uint64(h.width)*h.tokens
	if want := shardHead + docs + sents + toks + shardTail; size != want {
		return nil, nil, badData(path, fmt.Sprintf("%d bytes", size),
			fmt.Sprintf("%d for the %d documents, %d sentences and %d tokens in its header", want, h.documents, h.sentences, h.tokens))
	}
	body := data[:size-shardTail]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[size-shardTail:]) {
		return nil, nil, badData(path, fmt.Sprintf("content with SHA-256 %x", sum), fmt.Sprintf("%x", data[size-shardTail:]))
	}
	sec := &section{
		docs:  body[shardHead : shardHead+docs : shardHead+docs],
		sents: body[shardHead+docs : shardHead+docs+sents : shardHead+docs+sents],
		toks:  body[shardHead+docs+sents:],
		width: int(h.width),
	}
	if i := ascends(sec.docs, h.sentences); i >= 0 {
		return nil, nil, fault(int64(shardHead+4*i), fmt.Sprintf("document offset %d", sec.doc(i)),
			fmt.Sprintf("offsets that ascend from 0 to %d", h.sentences))
	}
	if i := ascends(sec.sents, h.tokens); i >= 0 {
		return nil, nil, fault(int64(shardHead+docs)+int64(4*i), fmt.Sprintf("sentence offset %d", sec.sentence(i)),
			fmt.Sprintf("offsets that ascend from 0 to %d", h.tokens))
	}
	return sec, h, nil
}

// ascends returns -1 if the uint32 in offsets begin with 0, ascend strictly and
// end with last, else the index of the first that breaks this.
func ascends(offsets []byte, last uint64) int {
	n := len(offsets) / 4
	before := int64(-1)
	for i := range n {
		o := int64(binary.LittleEndian.Uint32(offsets[4*i:]))
		if o <= before || i == 0 && o != 0 || i == n-1 && uint64(o) != last {
			return i
		}
		before = o
	}
	return -1
}
