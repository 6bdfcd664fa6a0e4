package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files in a folder of token shards.
const (
	indexFile = "index.json"
	vocabFile = "vocab.txt"
)

func shardFile(i int) string { return fmt.Sprintf("shard-%05d.bin", i) }

const (
	indexFormat  = "sparsebert-gpu token shards"
	maxIndexSize = 64 << 20
)

// shardIndex is index.json. The file is exactly what encode returns, so that
// any changed byte shows.
type shardIndex struct {
	Format         string       `json:"format"`
	Version        int          `json:"version"`
	VocabSize      int          `json:"vocab_size"`
	VocabSHA256    string       `json:"vocab_sha256"`
	Normalizer     *Normalizer  `json:"normalizer,omitempty"` // nil: the uncased one
	Documents      int64        `json:"documents"`
	Sentences      int64        `json:"sentences"`
	Tokens         int64        `json:"tokens"`
	UnigramEntropy float64      `json:"unigram_entropy_nats_per_token"` // as UnigramEntropy has it
	Sources        []string     `json:"sources"`
	Shards         []shardEntry `json:"shards"`
	Checksum       string       `json:"checksum"` // SHA-256 of the file with "" in this place
}

// shardEntry describes one shard file.
type shardEntry struct {
	File      string `json:"file"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"` // of all bytes but the last 32, which repeat it
	Documents int64  `json:"documents"`
	Sentences int64  `json:"sentences"`
	Tokens    int64  `json:"tokens"`
}

// normalizer is that of the shards' text.
func (x shardIndex) normalizer() Normalizer {
	if x.Normalizer == nil {
		return Normalizer{}
	}
	return *x.Normalizer
}

// encode returns the bytes of index.json.
func (x shardIndex) encode() ([]byte, error) {
	x.Checksum = ""
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", indexFile, err)
	}
	sum := sha256.Sum256(append(text, '\n'))
	x.Checksum = hex.EncodeToString(sum[:])
	if text, err = json.MarshalIndent(x, "", "  "); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", indexFile, err)
	}
	return append(text, '\n'), nil
}

// parseIndex decodes data, the content of the index.json at path, and checks
// its version, its checksum, that its sums agree and that its files are named
// as Prepare names them.
func parseIndex(path string, data []byte) (*shardIndex, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	notIndex := func(err error) error {
		return &DataError{Path: path, Offset: -1, Err: err, Found: err.Error(), Expected: "the index of token shards"}
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, notIndex(err)
	}
	if head.Format != indexFormat {
		return nil, badData(path, fmt.Sprintf("format %.40q", head.Format), fmt.Sprintf("%q", indexFormat))
	}
	if head.Version != shardVersion {
		return nil, badData(path, fmt.Sprintf("format version %d", head.Version), fmt.Sprintf("version %d", shardVersion))
	}
	x := &shardIndex{}
	if err := json.Unmarshal(data, x); err != nil {
		return nil, notIndex(err)
	}
	want, err := x.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(data, want) {
		return nil, badData(path, "content that does not match its checksum", "an unchanged index of token shards")
	}
	var sum shardEntry
	for i, s := range x.Shards {
		if s.File != shardFile(i) {
			return nil, badData(path, fmt.Sprintf("shard %d in file %.40q", i, s.File), shardFile(i))
		}
		if s.Documents <= 0 || s.Sentences < s.Documents || s.Tokens < s.Sentences || s.Bytes < s.Tokens {
			return nil, badData(path, fmt.Sprintf("%d documents, %d sentences, %d tokens and %d bytes in %s",
				s.Documents, s.Sentences, s.Tokens, s.Bytes, s.File), "each at least as many as the one before, from 1")
		}
		sum.Documents += s.Documents
		sum.Sentences += s.Sentences
		sum.Tokens += s.Tokens
	}
	if len(x.Shards) == 0 || sum.Documents != x.Documents || sum.Sentences != x.Sentences || sum.Tokens != x.Tokens {
		return nil, badData(path, fmt.Sprintf("%d documents, %d sentences and %d tokens in %d shards",
			sum.Documents, sum.Sentences, sum.Tokens, len(x.Shards)),
			fmt.Sprintf("%d, %d and %d", x.Documents, x.Sentences, x.Tokens))
	}
	return x, nil
}

// isShards reports whether path is a folder that Prepare wrote, whole or damaged.
func isShards(path string) bool {
	exists := func(name string) bool {
		_, err := os.Stat(filepath.Join(path, name))
		return err == nil
	}
	return exists(shardFile(0)) || exists(indexFile) && exists(vocabFile)
}

// loadIndex reads the index.json of a folder of shards.
func loadIndex(folder string) (*shardIndex, error) {
	path := filepath.Join(folder, indexFile)
	f, err := openRegular(path, "the index of token shards")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIndexSize+1))
	if err != nil {
		return nil, unreadable(path, err, "the index of token shards")
	}
	if len(data) > maxIndexSize {
		return nil, badData(path, fmt.Sprintf("more than %d bytes", maxIndexSize), "the index of token shards")
	}
	return parseIndex(path, data)
}

// shardVocab reads the vocabulary of a folder of shards.
func shardVocab(folder string) (*Vocab, error) {
	v, err := LoadVocab(filepath.Join(folder, vocabFile))
	if err != nil {
		return nil, err
	}
	x, err := loadIndex(folder)
	if err != nil {
		return nil, err
	}
	return v.WithNormalizer(x.normalizer()), nil
}
