package corpus

import (
	"context"
	"errors"
	"io"
	"strings"
)

var errSkeleton = errors.New("corpus: this part is still being built")

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

// Document is one document: where it came from and its sentences, in order,
// as cleaned text.
type Document struct {
	Source    string   // the file
	Line      int      // the line on which it starts, from 1
	Sentences []string // never empty, none of them blank
}

// Files lists the text files under paths.
func Files(paths []string) ([]string, error) { return nil, errSkeleton }

// ReadFile yields the documents of one file.
func ReadFile(ctx context.Context, path string, yield func(Document) error) error { return errSkeleton }

// ReadDocuments yields the documents of every file under paths.
func ReadDocuments(ctx context.Context, paths []string, yield func(Document) error) error {
	return errSkeleton
}

// Vocab is a WordPiece vocabulary.
type Vocab struct{}

// LoadVocab reads a vocab.txt.
func LoadVocab(path string) (*Vocab, error) { return nil, errSkeleton }

// ParseVocab reads a vocab.txt from r; name stands in errors.
func ParseVocab(name string, r io.Reader) (*Vocab, error) { return nil, errSkeleton }

// NewVocab makes a vocabulary of tokens, whose ids are their indices.
func NewVocab(tokens []string) (*Vocab, error) { return nil, errSkeleton }

func (v *Vocab) Size() int                          { return 0 }
func (v *Vocab) ID(token string) (int32, bool)      { return 0, false }
func (v *Vocab) Token(id int32) string              { return "" }
func (v *Vocab) Continuation(id int32) bool         { return false }
func (v *Vocab) Pad() int32                         { return 0 }
func (v *Vocab) Unk() int32                         { return 0 }
func (v *Vocab) Cls() int32                         { return 0 }
func (v *Vocab) Sep() int32                         { return 0 }
func (v *Vocab) Mask() int32                        { return 0 }
func (v *Vocab) WriteTo(w io.Writer) (int64, error) { return 0, errSkeleton }
func (v *Vocab) SHA256() string                     { return "" }

// Tokenizer turns text into WordPiece ids.
type Tokenizer struct{}

// NewTokenizer returns a tokenizer over v.
func NewTokenizer(v *Vocab) *Tokenizer { return &Tokenizer{} }

// Append appends the ids of text to dst.
func (t *Tokenizer) Append(dst []int32, text string) []int32 { return dst }

// WordCounter counts basic tokens.
type WordCounter struct{}

// NewWordCounter returns an empty counter.
func NewWordCounter() *WordCounter { return &WordCounter{} }

// Add counts the words of text.
func (c *WordCounter) Add(text string) {}

// Merge adds o's counts to c.
func (c *WordCounter) Merge(o *WordCounter) {}

// TrainVocab makes a vocabulary of exactly size tokens.
func TrainVocab(ctx context.Context, words *WordCounter, size int) (*Vocab, error) {
	return nil, errSkeleton
}
