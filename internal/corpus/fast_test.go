package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The golden file that ci/interop/interop.py made with the real BertTokenizerFast.
type fastGolden struct {
	Versions map[string]string `json:"versions"`
	// Every is the SHA-256 of a line for each character c but the surrogates: the
	// words of "a" + c + "B", with blanks between.
	Every string `json:"every_character_sha256"`
	Hard  []struct {
		Text  string   `json:"text"`
		Words []string `json:"words"`
	} `json:"hard"`
}

func TestTokenizerAsBertTokenizerFast(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "bert_tokenizer_fast.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden fastGolden
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Hard) < 90 {
		t.Fatalf("found %d hard strings in the golden file, expected more", len(golden.Hard))
	}
	for _, hard := range golden.Hard {
		if got := words(hard.Text); !slices.Equal(got, hard.Words) {
			t.Errorf("%+q: got %+q, want %+q", hard.Text, got, hard.Words)
		}
		if got := plainBasic(hard.Text); !slices.Equal(got, hard.Words) {
			t.Errorf("the oracle is wrong on %+q: got %+q, want %+q", hard.Text, got, hard.Words)
		}
	}
	sum := sha256.New()
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if utf8.ValidRune(r) {
			sum.Write([]byte(strings.Join(words("a"+string(r)+"B"), " ") + "\n"))
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != golden.Every {
		t.Errorf("every character: found words with the sum %s, expected %s as of %v", got, golden.Every, golden.Versions)
	}
}
