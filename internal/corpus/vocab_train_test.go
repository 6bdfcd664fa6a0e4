package corpus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// plainTrain is byte-pair encoding by its definition: count every pair afresh
// for every merge.
func plainTrain(counts map[string]int64, characters []string, size int) []string {
	tokens := append(slices.Clone(specialTokens[:]), characters...)
	split := map[string][]string{}
	for word := range counts {
		for i, r := range []rune(word) {
			piece := string(r)
			if i > 0 {
				piece = "##" + piece
			}
			split[word] = append(split[word], piece)
			if !slices.Contains(characters, piece) {
				delete(split, word)
				break
			}
		}
	}
	for len(tokens) < size {
		pairs := map[[2]string]int64{}
		for word, pieces := range split {
			for i := range len(pieces) - 1 {
				pairs[[2]string(pieces[i:i+2])] += counts[word]
			}
		}
		best := [2]string{}
		for p, n := range pairs {
			if most := pairs[best]; n > most || n == most && slices.Compare(p[:], best[:]) < 0 {
				best = p
			}
		}
		if len(pairs) == 0 {
			return tokens
		}
		joined := best[0] + best[1][2:]
		for word, pieces := range split {
			var now []string
			for i := 0; i < len(pieces); i++ {
				if i+1 < len(pieces) && [2]string(pieces[i:i+2]) == best {
					now = append(now, joined)
					i++
				} else {
					now = append(now, pieces[i])
				}
			}
			split[word] = now
		}
		if !slices.Contains(tokens, joined) {
			tokens = append(tokens, joined)
		}
	}
	return tokens
}

// Worked out by hand: "ab" occurs 5 times and "abb" 3, so the pair a ##b counts
// 8 and comes first, then ab ##b counts 3; "ca" counts 2.
func TestTrainVocabByHand(t *testing.T) {
	c := NewWordCounter(Normalizer{})
	c.Add("ab ab ab ab ab Abb abb ÁBB ca. CA!")
	v, err := TrainVocab(t.Context(), c, 5+6+3)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] ! . a c ##a ##b ab abb ca")
	if !slices.Equal(v.tokens, want) {
		t.Errorf("got %q, want %q", v.tokens, want)
	}
	for size, wanted := range map[int]string{
		math.MaxInt: fmt.Sprintf("vocabulary: found size %d, expected at most 14, which is all that this text gives: a smaller vocab_size, or more text", math.MaxInt),
		15:          "vocabulary: found size 15, expected at most 14, which is all that this text gives: a smaller vocab_size, or more text",
		5:           "vocabulary: found size 5, expected at least 6: the special tokens and one character",
		-1:          "vocabulary: found size -1, expected at least 6: the special tokens and one character",
	} {
		if _, err := TrainVocab(t.Context(), c, size); !errors.Is(err, ErrBadData) || err.Error() != wanted {
			t.Errorf("size %d: got %v, want %s", size, err, wanted)
		}
	}
	// Three quarters of two slots: the character that occurs most, ##b.
	v, err = TrainVocab(t.Context(), c, 6)
	if want := strings.Fields("[PAD] [UNK] [CLS] [SEP] [MASK] ##b"); err != nil || !slices.Equal(v.tokens, want) {
		t.Errorf("size 6: got %v, %v, want %q", v, err, want)
	}
	for name, empty := range map[string]string{"no text": "", "no words": " \x00 [UNK] " + strings.Repeat("a", 101)} {
		c := NewWordCounter(Normalizer{})
		c.Add(empty)
		if _, err := TrainVocab(t.Context(), c, 100); !errors.Is(err, ErrBadData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The incremental trainer and the plain one agree at every size, ties, repeated
// letters and tokens that two pairs make included.
func TestTrainVocabAgainstDefinition(t *testing.T) {
	for name, text := range map[string]string{
		"repeats": "aaaa aaaaa aaa aa a baaab aabaa abab ababab bababa",
		"ties":    "abcd bcda cdab dabc abdc bacd xyz zyx yxz xzy",
		"prose": `It is a truth universally acknowledged that a single man in possession of a good fortune must be in
			want of a wife. However little known the feelings or views of such a man may be on his first entering a
			neighborhood, this truth is so well fixed in the minds of the surrounding families.`,
		"beyond ASCII": "中国 中 日本語 カタカナ カタ タカナ ναί όχι οχι",
	} {
		c := NewWordCounter(Normalizer{})
		c.Add(text)
		counts := map[string]int64{}
		for word := range (Normalizer{}).tokens(text) {
			counts[string(word)]++
		}
		reached := false
		for size := 6; !reached; size++ {
			var want []string
			for limit, all := (size-4)*3/4, false; !all && len(want) < size; limit += size - len(want) {
				var chars []string
				chars, all = alphabet(c.sorted(), limit)
				want = plainTrain(counts, chars, size)
			}
			v, err := TrainVocab(t.Context(), c, size)
			if len(want) < size {
				if reached = true; !errors.Is(err, ErrBadData) {
					t.Errorf("%s, size %d: no error, but there are only %d tokens", name, size, len(want))
				}
				continue
			}
			if err != nil || !slices.Equal(v.tokens, want) {
				t.Fatalf("%s, size %d: got %v, %v, want %q", name, size, v, err, want)
			}
		}
	}
}

// A text of more characters than may be kept: the rare ones are [UNK].
func TestTrainVocabLargeAlphabet(t *testing.T) {
	c := NewWordCounter(Normalizer{})
	for r := rune(0x4E00); r < 0x4E00+1000; r++ {
		c.Add(strings.Repeat(string(r)+" ", 2+int(r)%7))
	}
	c.Add(strings.Repeat("hello ", 50))
	v, err := TrainVocab(t.Context(), c, 104)
	if err != nil {
		t.Fatal(err)
	}
	tok := NewTokenizer(v)
	if got := tokensOf(v, tok.Append(nil, "hello")); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("the frequent word gives %q", got)
	}
	known := 0
	for r := rune(0x4E00); r < 0x4E00+1000; r++ {
		if id := tok.Append(nil, string(r)); len(id) == 1 && id[0] != v.Unk() {
			if known++; int(r)%7 != 6 {
				t.Fatalf("%c was kept before more frequent ones", r)
			}
		}
	}
	// Of 99 tokens, hello has four letters that start or continue it apart from
	// each other (h ##e ##l ##o) and, for four merges, four more tokens.
	if want := 99 - 4 - 4; known != want {
		t.Errorf("%d ideographs kept, want %d", known, want)
	}
}

// How the text was shared out over counters does not matter.
func TestTrainVocabSharding(t *testing.T) {
	text := "the quick brown fox jumps over the lazy dog while the other dogs sleep and the foxes run around"
	words := strings.Fields(text)
	whole := NewWordCounter(Normalizer{})
	whole.Add(text)
	want, err := TrainVocab(t.Context(), whole, 80)
	if err != nil {
		t.Fatal(err)
	}
	for shards := 1; shards <= 7; shards++ {
		parts := make([]*WordCounter, shards)
		for i := range parts {
			parts[i] = NewWordCounter(Normalizer{})
		}
		for i, word := range words {
			parts[(i*5)%shards].Add(word)
		}
		merged := NewWordCounter(Normalizer{})
		for i := range parts { // last first
			merged.Merge(parts[len(parts)-1-i])
		}
		got, err := TrainVocab(t.Context(), merged, 80)
		if err != nil || got.SHA256() != want.SHA256() {
			t.Errorf("%d shards: another vocabulary (%v)", shards, err)
		}
	}
}

func TestTrainVocabStops(t *testing.T) {
	c := NewWordCounter(Normalizer{})
	c.Add("some words to count")
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := TrainVocab(ctx, c, 30); !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause of the stop", err)
	}
}

func TestWordCounterMerge(t *testing.T) {
	a, b := NewWordCounter(Normalizer{}), NewWordCounter(Normalizer{})
	a.Add("x y x [MASK]")
	b.Add("y Z")
	a.Merge(b)
	if got, want := a.sorted(), []wordCount{{"x", 2}, {"y", 2}, {"z", 1}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := b.sorted(), []wordCount{{"y", 1}, {"z", 1}}; !slices.Equal(got, want) {
		t.Errorf("the merged counter changed: got %v, want %v", got, want)
	}
	a.Merge(a)
	if got, want := a.sorted(), []wordCount{{"x", 4}, {"y", 4}, {"z", 2}}; !slices.Equal(got, want) {
		t.Errorf("with itself: got %v, want %v", got, want)
	}
}

// On real text the vocabulary has the size asked for, no word is unknown, and a
// larger one makes shorter sequences.
func TestTrainVocabWikiText(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	text := wikiText(t, "valid.txt")
	c := NewWordCounter(Normalizer{})
	c.Add(text)
	last := 1 << 60
	for _, size := range []int{500, 2000, 8192} {
		v, err := TrainVocab(t.Context(), c, size)
		if err != nil {
			t.Fatal(err)
		}
		ids := NewTokenizer(v).Append(nil, text)
		if v.Size() != size || slices.Contains(ids, v.Unk()) || len(ids) >= last {
			t.Errorf("size %d: %d tokens for %d, unknown words: %v", v.Size(), len(ids), last, slices.Contains(ids, v.Unk()))
		}
		last = len(ids)
	}
}

func BenchmarkTrainVocab(b *testing.B) {
	c := NewWordCounter(Normalizer{})
	c.Add(wikiText(b, "train.txt"))
	for _, size := range []struct {
		name   string
		tokens int
	}{{"V=8192", 8192}, {"V=30522", 30522}} {
		b.Run(size.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := TrainVocab(b.Context(), c, size.tokens); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
