package corpus

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// The special tokens, in the order in which TrainVocab puts them first.
const (
	padToken  = "[PAD]"
	unkToken  = "[UNK]"
	clsToken  = "[CLS]"
	sepToken  = "[SEP]"
	maskToken = "[MASK]"
)

var specialTokens = [...]string{padToken, unkToken, clsToken, sepToken, maskToken}

// continuationPrefix marks a token that continues a word.
const continuationPrefix = "##"

// maxVocabLine bounds a line of vocab.txt, so that a corpus given as the
// vocabulary by mistake is refused at once.
const maxVocabLine = 64 << 10

// Vocab is a WordPiece vocabulary: distinct tokens whose ids are their
// positions, the five special tokens [PAD] [UNK] [CLS] [SEP] [MASK] among
// them, anywhere. A token may be any text that stands on a line: some published
// vocabularies have white space in theirs. With it goes the normalizer of the text
// that it is for. It is immutable and safe for concurrent use.
type Vocab struct {
	tokens     []string
	ids        map[string]int32
	special    [len(specialTokens)]int32 // ids of specialTokens
	normalizer Normalizer
}

// NewVocab makes a vocabulary of tokens; token i gets id i. Its errors are
// ParseVocab's, with "vocabulary" for the name and i+1 for the line.
func NewVocab(tokens []string) (*Vocab, error) {
	return newVocab("vocabulary", append([]string(nil), tokens...))
}

// LoadVocab reads the vocab.txt at path; ParseVocab gives the format.
func LoadVocab(path string) (*Vocab, error) {
	f, err := fileformat.Open(path, "a vocabulary file")
	if err != nil {
		return nil, dataError(err)
	}
	defer f.Close()
	return ParseVocab(path, f)
}

// ParseVocab reads BERT's vocab.txt from r: UTF-8, one token a line, the first
// line id 0. A line ends in LF or CR LF, the last one with or without; a byte
// order mark at the start is skipped. name stands for the file in errors.
//
// A DataError says which line breaks the format: no token at all, an empty
// line, a token with a carriage return or invalid UTF-8 in it, a token that an
// earlier line has (both lines are named), or a special token that is missing.
func ParseVocab(name string, r io.Reader) (*Vocab, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxVocabLine)
	var tokens []string
	for lines.Scan() {
		token := lines.Text() // the scanner drops LF and CR LF
		if len(tokens) == 0 {
			token = strings.TrimPrefix(token, "\ufeff")
		}
		if err := checkToken(name, len(tokens)+1, token); err != nil { // before reading on: a wrong file may be huge
			if isProse(tokens) {
				break // which newVocab refuses
			}
			return nil, err
		}
		tokens = append(tokens, token)
		if len(tokens) == proseAfter && isProse(tokens) {
			break
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, &DataError{Path: name, Line: len(tokens) + 1, Offset: -1,
				Found: fmt.Sprintf("a line of more than %d bytes", maxVocabLine), Expected: "one token a line"}
		}
		return nil, unreadable(name, err, "a vocabulary file")
	}
	return newVocab(name, tokens)
}

// newVocab checks tokens and keeps the slice.
func newVocab(name string, tokens []string) (*Vocab, error) {
	if len(tokens) == 0 {
		return nil, badData(name, "no tokens", "a vocabulary, one token a line")
	}
	if int64(len(tokens)) > 1<<31-1 {
		return nil, badData(name, fmt.Sprintf("%d tokens", len(tokens)), "at most 2147483647")
	}
	if isProse(tokens) {
		at := slices.IndexFunc(tokens, hasSpace)
		return nil, &DataError{Path: name, Line: at + 1, Offset: -1,
			Found: fmt.Sprintf("white space in %.40q and no line %s", tokens[at], unkToken), Expected: "a vocabulary, one token a line"}
	}
	v := &Vocab{tokens: tokens, ids: make(map[string]int32, len(tokens))}
	for i, token := range tokens {
		if err := checkToken(name, i+1, token); err != nil {
			return nil, err
		}
		if first, ok := v.ids[token]; ok {
			return nil, &DataError{Path: name, Line: i + 1, Offset: -1,
				Found:    fmt.Sprintf("token %q again, first on line %d", token, first+1),
				Expected: "each token once"}
		}
		v.ids[token] = int32(i)
	}
	for i, token := range specialTokens {
		id, ok := v.ids[token]
		if !ok {
			return nil, badData(name, fmt.Sprintf("%d tokens without %s", len(tokens), token),
				"the special tokens "+strings.Join(specialTokens[:], " "))
		}
		v.special[i] = id
	}
	return v, nil
}

// proseAfter is the number of lines after which a file is looked at: text given for
// a vocabulary by mistake may be huge.
const proseAfter = 1 << 14

// isProse reports whether lines look like text and not like a vocabulary: a quarter
// of them has white space, and none is [UNK].
func isProse(lines []string) bool {
	spaced := 0
	for _, line := range lines {
		if hasSpace(line) {
			spaced++
		}
	}
	return spaced > 0 && 4*spaced >= len(lines) && !slices.Contains(lines, unkToken)
}

func hasSpace(s string) bool { return strings.ContainsFunc(s, unicode.IsSpace) }

// checkToken returns the DataError of a token that no vocabulary may hold.
func checkToken(name string, line int, token string) error {
	found := ""
	switch {
	case token == "":
		found = "an empty line"
	case !utf8.ValidString(token):
		found = fmt.Sprintf("invalid UTF-8 in token %.40q", token)
	case strings.ContainsAny(token, "\r\n"): // a line of vocab.txt ends there
		found = fmt.Sprintf("a line end in token %.40q", token)
	default:
		return nil
	}
	return &DataError{Path: name, Line: line, Offset: -1, Found: found, Expected: "one token a line"}
}

// Size returns V, the number of tokens.
func (v *Vocab) Size() int { return len(v.tokens) }

// Tokens returns all tokens in the order of their ids.
func (v *Vocab) Tokens() []string { return slices.Clone(v.tokens) }

// ID returns the id of token and whether the vocabulary has it.
func (v *Vocab) ID(token string) (int32, bool) {
	id, ok := v.ids[token]
	return id, ok
}

// Token returns the token of id, or "" where id is not in [0, Size).
func (v *Vocab) Token(id int32) string {
	if id < 0 || int(id) >= len(v.tokens) {
		return ""
	}
	return v.tokens[id]
}

// Continuation reports whether id's token continues a word, which its "##"
// says: whole-word masking joins it to the token before it.
func (v *Vocab) Continuation(id int32) bool {
	return strings.HasPrefix(v.Token(id), continuationPrefix)
}

// Pad returns the id of [PAD].
func (v *Vocab) Pad() int32 { return v.special[0] }

// Unk returns the id of [UNK].
func (v *Vocab) Unk() int32 { return v.special[1] }

// Cls returns the id of [CLS].
func (v *Vocab) Cls() int32 { return v.special[2] }

// Sep returns the id of [SEP].
func (v *Vocab) Sep() int32 { return v.special[3] }

// Mask returns the id of [MASK].
func (v *Vocab) Mask() int32 { return v.special[4] }

// WriteTo writes vocab.txt: every token in the order of its id, each followed
// by LF. Equal vocabularies give equal bytes. It returns the bytes written.
func (v *Vocab) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(v.text())
	if err != nil {
		return int64(n), fmt.Errorf("writing the vocabulary: %w", err)
	}
	return int64(n), nil
}

// SHA256 returns the SHA-256 of what WriteTo writes, in lower-case hexadecimal.
func (v *Vocab) SHA256() string {
	sum := sha256.Sum256(v.text())
	return hex.EncodeToString(sum[:])
}

func (v *Vocab) text() []byte {
	var text []byte
	for _, token := range v.tokens {
		text = append(append(text, token...), '\n')
	}
	return text
}

// openRegular opens the regular file at path; want says in errors what was
// expected there.
func openRegular(path, want string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err, want)
	}
	if !info.Mode().IsRegular() {
		return nil, badData(path, fileformat.KindOf(info.Mode()), want)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err, want)
	}
	return f, nil
}
