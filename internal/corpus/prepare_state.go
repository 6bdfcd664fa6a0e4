package corpus

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// prepareState is what Prepare needs to go on where it was stopped.
type prepareState struct {
	Key   string      `json:"key"`   // of the options that the shards depend on
	Files []fileStamp `json:"files"` // the text

	Words       string  `json:"words"` // file with the words counted so far; "": none
	WordsSum    string  `json:"words_sha256"`
	WordsAfter  place   `json:"words_after"` // the place up to which they have been
	WordsCensus *census `json:"words_census"`

	Vocab []string `json:"vocab"` // trained; none: not yet

	Shards []shardEntry `json:"shards"`
	After  place        `json:"after"`  // the place behind them
	Counts []int64      `json:"counts"` // of their tokens, [V]
	Census *census      `json:"census"`
	Report Report       `json:"report"`
}

// fileStamp tells whether a file is the one that was read.
type fileStamp struct {
	Path  string `json:"path"` // quoted as Go does: a path may be no UTF-8
	Size  int64  `json:"size"`
	MTime int64  `json:"mtime"`
}

const stateFile = "state.json"

// stateVersion changes when the same text would give other shards.
const stateVersion = 1

// newState returns the state in which nothing has been done. vocab is the vocabulary
// that is given, nil if one is trained.
func newState(o PrepareOptions, text *inputs, vocab *Vocab) (*prepareState, error) {
	given := ""
	if vocab != nil {
		given = vocab.SHA256()
	}
	key, err := json.Marshal(struct {
		Version          int
		Vocab            string
		Size, Tokens     int
		Normalizer       Normalizer
		Reading          Reading
		MostWords, Chunk int
	}{stateVersion, given, o.VocabSize, o.ShardTokens, o.Normalizer, o.Reading, mostWords, o.countChunk()})
	if err != nil {
		return nil, fmt.Errorf("encoding the options of prepare: %w", err)
	}
	s := &prepareState{Key: string(key)}
	for _, in := range text.files {
		s.Files = append(s.Files, fileStamp{fmt.Sprintf("%q", in.path), in.size, in.mtime})
	}
	return s, nil
}

// loadState returns the state that was left in a folder as far as it is of the same
// options and text, else fresh. What is damaged counts as not there.
func loadState(folder string, fresh *prepareState) *prepareState {
	data, err := os.ReadFile(filepath.Join(folder, stateFile))
	left := &prepareState{}
	if err != nil || json.Unmarshal(data, left) != nil || left.Key != fresh.Key {
		return fresh
	}
	same := 0 // files in front that have not changed
	for same < min(len(left.Files), len(fresh.Files)) && left.Files[same] == fresh.Files[same] {
		same++
	}
	if same == len(left.Files) && same == len(fresh.Files) {
		return left
	}
	// The vocabulary is of other text then, and with it the shards.
	if left.WordsAfter.File < same {
		fresh.Words, fresh.WordsSum, fresh.WordsAfter, fresh.WordsCensus = left.Words, left.WordsSum, left.WordsAfter, left.WordsCensus
	}
	return fresh
}

// save writes the state to a folder.
func (s *prepareState) save(folder string) error {
	data, err := json.Marshal(s)
	if err == nil {
		err = renameio.WriteFile(filepath.Join(folder, stateFile), data, 0o666)
	}
	if err != nil {
		return fmt.Errorf("keeping how far prepare is: %w", err)
	}
	return nil
}

// saveWords keeps words counted up to a place.
func (s *prepareState) saveWords(folder string, words *WordCounter, census *census, after place) error {
	old := s.Words
	data := encodeWords(words)
	sum := sha256.Sum256(data)
	s.Words, s.WordsSum = fmt.Sprintf("words-%d-%d", after.File, after.Document), hex.EncodeToString(sum[:])
	s.WordsAfter, s.WordsCensus = after, census
	if err := renameio.WriteFile(filepath.Join(folder, s.Words), data, 0o666); err != nil {
		return fmt.Errorf("keeping the words of the text: %w", err)
	}
	if err := s.save(folder); err != nil {
		return err
	}
	if old != "" && old != s.Words {
		if err := os.Remove(filepath.Join(folder, old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing words that are kept no longer: %w", err)
		}
	}
	return nil
}

// loadWords puts what was counted into c, if it is there and whole.
func (s *prepareState) loadWords(folder string, c *counting) {
	if s.Words == "" || s.WordsCensus == nil {
		return
	}
	data, err := os.ReadFile(filepath.Join(folder, filepath.Base(s.Words)))
	if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != s.WordsSum {
		return
	}
	words, err := decodeWords(data, c.words.text)
	if err != nil {
		return
	}
	c.words, c.from, c.census = words, s.WordsAfter, s.WordsCensus
	c.census.files = c.files
}

// encodeWords writes words with their counts, each as its length, its bytes and its
// count.
func encodeWords(c *WordCounter) []byte {
	var out []byte
	for word, i := range c.index {
		out = binary.AppendUvarint(out, uint64(len(word)))
		out = append(out, word...)
		out = binary.AppendUvarint(out, uint64(c.counts[i]))
	}
	return out
}

func decodeWords(data []byte, n Normalizer) (*WordCounter, error) {
	c := NewWordCounter(n)
	r := bufio.NewReader(bytes.NewReader(data))
	for {
		length, err := binary.ReadUvarint(r)
		if err != nil && r.Buffered() == 0 {
			return c, nil
		}
		if err != nil || length > maxVocabLine {
			return nil, errShort
		}
		word := make([]byte, length)
		for i := range word {
			if word[i], err = r.ReadByte(); err != nil {
				return nil, err
			}
		}
		count, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, err
		}
		c.add(string(word), int64(count))
	}
}
