package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// smallShards writes a folder of two shards, a few hundred bytes each, and
// returns it.
func smallShards(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(text, []byte("A cat sat. A dog ran away.\n\nThe dog sat.\n\nThe cat ran. It was a cat.\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "shards")
	r, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 24, ShardTokens: 12})
	if err != nil {
		t.Fatal(err)
	}
	if r.Shards != 2 || r.Documents != 3 || r.Sentences != 5 {
		t.Fatalf("%d shards, %d documents, %d sentences; want 2, 3, 5", r.Shards, r.Documents, r.Sentences)
	}
	return out
}

// refused returns an error unless loading path fails as bad data, in one line
// with each of want in it.
func refused(t testing.TB, path string, want ...string) error {
	t.Helper()
	s, _, err := Load(t.Context(), LoadOptions{Paths: []string{path}})
	switch {
	case err == nil:
		_ = s.Close()
		return errors.New("accepted")
	case !errors.Is(err, ErrBadData):
		return fmt.Errorf("not bad data: %w", err)
	case strings.Contains(err.Error(), "\n"):
		return fmt.Errorf("more than one line: %w", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			return fmt.Errorf("%q lacks %q", err, w)
		}
	}
	return nil
}

func TestShardsCutOrChangedAnywhereAreRefused(t *testing.T) {
	folder := smallShards(t)
	for _, name := range []string{indexFile, vocabFile, shardFile(0), shardFile(1)} {
		path := filepath.Join(folder, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write := func(data []byte) {
			if err := os.WriteFile(path, data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for n := range len(whole) {
			if name == vocabFile && n == len(whole)-1 {
				continue // the same vocabulary without its last line feed
			}
			write(whole[:n])
			if err := refused(t, folder, folder); err != nil {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, n, len(whole), err)
			}
		}
		for i := range whole {
			changed := slices.Clone(whole)
			changed[i] ^= 1 << (i % 8)
			write(changed)
			if err := refused(t, folder, folder); err != nil {
				t.Fatalf("%s with bit %d of byte %d flipped: %v", name, i%8, i, err)
			}
		}
		write(append(slices.Clone(whole), 0))
		if err := refused(t, folder, folder); err != nil {
			t.Errorf("%s with a byte more: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if name != shardFile(0) { // without which the folder may be anything
			if err := refused(t, folder, name, "found nothing there"); err != nil {
				t.Errorf("without %s: %v", name, err)
			}
		}
		write(whole)
		if s, _, err := Load(t.Context(), LoadOptions{Paths: []string{folder}}); err != nil {
			t.Fatalf("restored: %v", err)
		} else if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// shardBytes returns a good shard of three documents over 24 tokens.
func shardBytes(t testing.TB) []byte {
	t.Helper()
	sec := &section{width: 2}
	for _, n := range []uint32{0, 1, 3, 4} {
		sec.docs = binary.LittleEndian.AppendUint32(sec.docs, n)
	}
	for _, n := range []uint32{0, 2, 3, 7, 8} {
		sec.sents = binary.LittleEndian.AppendUint32(sec.sents, n)
	}
	for id := range uint16(8) {
		sec.toks = binary.LittleEndian.AppendUint16(sec.toks, id+16)
	}
	var file bytes.Buffer
	if _, err := writeShard(&file, sec, 24, sha256.Sum256(nil)); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// resum makes the checksum at the end right again.
func resum(data []byte) []byte {
	body := data[:len(data)-shardTail]
	sum := sha256.Sum256(body)
	return append(slices.Clone(body), sum[:]...)
}

// Faults under a right checksum, as a faulty or hostile writer makes them.
func TestShardFormatIsChecked(t *testing.T) {
	good := shardBytes(t)
	sec, h, err := parseShard("s", good)
	if err != nil {
		t.Fatal(err)
	}
	if h.documents != 3 || h.sentences != 4 || h.tokens != 8 || sec.doc(2) != 3 || sec.sentence(3) != 7 ||
		!slices.Equal(sec.append(nil, 2, 5), []int32{18, 19, 20}) {
		t.Fatalf("read back %+v, documents %v, sentences %v, tokens %v", h, sec.docs, sec.sents, sec.toks)
	}
	if bad := sec.count(make([]int64, 22), 0, 8); bad != 6 {
		t.Errorf("first id that is not below 22: token %d, want 6", bad)
	}
	le := binary.LittleEndian
	docs, sents := shardHead, shardHead+4*4
	for _, c := range []struct {
		name  string
		plant func(b []byte)
		want  string
	}{
		{"magic", func(b []byte) { b[0] = 'X' }, `found "XBGSHARD" at byte 0`},
		{"version", func(b []byte) { le.PutUint32(b[8:], 2) }, "found format version 2 at byte 8, expected version 1"},
		{"width", func(b []byte) { le.PutUint32(b[12:], 3) }, "found tokens of 3 bytes"},
		{"no documents", func(b []byte) { le.PutUint64(b[24:], 0) }, "found 0 documents"},
		{"huge documents", func(b []byte) { le.PutUint64(b[24:], 1<<63) }, "found 9223372036854775808 documents"},
		{"huge tokens", func(b []byte) { le.PutUint64(b[40:], 1<<40) }, "found 1099511627776 tokens"},
		{"one sentence more", func(b []byte) { le.PutUint64(b[32:], 5) }, "expected 168 for the 3 documents, 5 sentences and 8 tokens"},
		{"first document", func(b []byte) { le.PutUint32(b[docs:], 1) }, "found document offset 1 at byte 80"},
		{"empty document", func(b []byte) { le.PutUint32(b[docs+8:], 1) }, "found document offset 1 at byte 88"},
		{"last document", func(b []byte) { le.PutUint32(b[docs+12:], 5) }, "found document offset 5 at byte 92"},
		{"falling sentence", func(b []byte) { le.PutUint32(b[sents+8:], 1) }, "found sentence offset 1 at byte 104"},
		{"sentence behind the end", func(b []byte) { le.PutUint32(b[sents+12:], 9) }, "found sentence offset 8 at byte 112"},
	} {
		data := slices.Clone(good)
		c.plant(data)
		_, _, err := parseShard("s", resum(data))
		if err == nil || !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// forge writes shard 0 and its index entry anew, with right checksums.
func forge(t *testing.T, folder string, shard func([]byte), index func(*shardIndex)) {
	t.Helper()
	path := filepath.Join(folder, shardFile(0))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x, err := loadIndex(folder)
	if err != nil {
		t.Fatal(err)
	}
	if shard != nil {
		shard(data)
		data = resum(data)
		x.Shards[0].SHA256 = hex.EncodeToString(data[len(data)-shardTail:])
	}
	if index != nil {
		index(x)
	}
	text, err := x.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path, data, 0o666), os.WriteFile(filepath.Join(folder, indexFile), text, 0o666)); err != nil {
		t.Fatal(err)
	}
}

func TestForgedShardsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		shard func([]byte)
		index func(*shardIndex)
		want  string
	}{
		{"id out of range", func(b []byte) { binary.LittleEndian.PutUint16(b[len(b)-shardTail-2:], 24) }, nil, "found token id 24 at byte"},
		{"vocabulary's size", func(b []byte) { b[16]++ }, nil, "found tokens of a vocabulary of 25"},
		{"vocabulary's checksum", func(b []byte) { b[48]++ }, nil, "found tokens of a vocabulary of 24 with SHA-256"},
		{"other tokens", func(b []byte) { b[len(b)-shardTail-2] ^= 1 }, nil, "found unigram entropy"},
		{"newer version", nil, func(x *shardIndex) { x.Version = 2 }, "found format version 2, expected version 1"},
		{"another format", nil, func(x *shardIndex) { x.Format = "pictures" }, `found format "pictures"`},
		{"a path as file", nil, func(x *shardIndex) { x.Shards[1].File = "../x" }, `found shard 1 in file "../x"`},
		{"sums", nil, func(x *shardIndex) { x.Tokens++ }, "in 2 shards, expected"},
		{"negative", nil, func(x *shardIndex) { x.Shards[0].Documents = -1 }, "found -1 documents"},
		{"no shards", nil, func(x *shardIndex) { x.Shards = nil }, "in 0 shards, expected"},
		{"bytes", nil, func(x *shardIndex) { x.Shards[0].Bytes++ }, "as its index says"},
		{"counts", nil, func(x *shardIndex) {
			x.Shards[0].Sentences++
			x.Shards[1].Sentences--
		}, "as its index says"},
		{"vocabulary", nil, func(x *shardIndex) { x.VocabSHA256 = strings.Repeat("0", 64) }, "vocab.txt: found 24 tokens with SHA-256"},
	} {
		folder := smallShards(t)
		forge(t, folder, c.shard, c.index)
		if err := refused(t, folder, c.want); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzParseShard(f *testing.F) {
	good := shardBytes(f)
	f.Add(good)
	f.Add(good[:shardHead])
	f.Add([]byte(shardMagic))
	huge := slices.Clone(good)
	binary.LittleEndian.PutUint64(huge[32:], 1<<62)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= shardHead+shardTail {
			data = resum(data) // so that the fuzzer gets past the checksum
		}
		sec, h, err := parseShard("fuzz", data)
		if err != nil {
			if !errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q", err)
			}
			return
		}
		// What has been accepted can be walked through.
		total := 0
		for d := range sec.documents() {
			for i := sec.doc(d); i < sec.doc(d+1); i++ {
				total += len(sec.append(nil, sec.sentence(i), sec.sentence(i+1)))
			}
		}
		if uint64(total) != h.tokens {
			t.Fatalf("%d tokens in the sentences, %d in the header", total, h.tokens)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(smallShards(f), indexFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}"))
	f.Add([]byte(`{"format":"sparsebert-gpu token shards","version":1}`))
	f.Add([]byte(`{"format":"sparsebert-gpu token shards","version":1e99}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex("fuzz", data)
		if err != nil {
			if !errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q", err)
			}
			return
		}
		if again, err := x.encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, which encodes as %q", data, again)
		}
	})
}
