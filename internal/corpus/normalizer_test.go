package corpus

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What BertNormalizer and BertPreTokenizer of Hugging Face's tokenizers 0.23.3 give.
func TestNormalizers(t *testing.T) {
	const (
		latin      = "Héllo WORLD, İstanbul ΑΣ straße A\u0301b"
		ideographs = "中文字 Tokyo東京 가각"
		odd        = "x\u00a0y\u3000z\u2028w ﬁn ＡＢＣ！ Ǆungla \u212b e\u0301\u200d \ufffdx\u0000y"
	)
	for _, c := range []struct {
		n          Normalizer
		text, want string
	}{
		{CasedNormalizer(), latin, "Héllo|WORLD|,|İstanbul|ΑΣ|straße|A\u0301b"},
		{Normalizer{KeepAccents: true}, latin, "héllo|world|,|i\u0307stanbul|ασ|straße|a\u0301b"},
		{Normalizer{Cased: true}, latin, "Hello|WORLD|,|Istanbul|ΑΣ|straße|Ab"},
		{Normalizer{}, latin, "hello|world|,|istanbul|ασ|straße|ab"},
		{CasedNormalizer(), ideographs, "中|文|字|Tokyo|東|京|가각"},
		{Normalizer{Cased: true, JoinIdeographs: true}, ideographs, "中文字|Tokyo東京|\u1100\u1161\u1100\u1161\u11a8"},
		{CasedNormalizer(), odd, "x|y|z|w|ﬁn|ＡＢＣ|！|Ǆungla|\u212b|e\u0301|xy"},
		{Normalizer{KeepAccents: true}, odd, "x|y|z|w|ﬁn|ａｂｃ|！|ǆungla|å|e\u0301|xy"},
	} {
		var got []string
		for word := range c.n.tokens(c.text) {
			got = append(got, string(word))
		}
		if !slices.Equal(got, strings.Split(c.want, "|")) {
			t.Errorf("%s, %q: found %q, expected %q", c.n, c.text, got, c.want)
		}
	}
}

// Capitals reach the vocabulary that is trained, the shards and what is read of them.
func TestCasedShards(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(text, []byte("Anna meets Ben. Ben meets anna.\n\nÉmile sees Anna. He waits.\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "shards")
	if _, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 42, Normalizer: CasedNormalizer()}); err != nil {
		t.Fatal(err)
	}
	s, v, err := Load(t.Context(), LoadOptions{Paths: []string{out}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if v.Normalizer() != CasedNormalizer() {
		t.Fatalf("found a vocabulary that is %s, expected a cased one", v.Normalizer())
	}
	var words []string
	for _, id := range s.AppendSentence(nil, 0) {
		words = append(words, v.Token(id))
	}
	if got := strings.ReplaceAll(strings.Join(words, " "), " ##", ""); got != "Anna meets Ben ." {
		t.Errorf("found %q, expected the sentence with its capitals", got)
	}
	if _, ok := v.ID("É"); !ok {
		t.Errorf("found no É among %q", v.Tokens())
	}
	_, _, err = Load(t.Context(), LoadOptions{Paths: []string{out}, Vocab: v.WithNormalizer(Normalizer{})})
	if err == nil || !strings.Contains(err.Error(), "found tokens of text that is cased") {
		t.Errorf("found error %v for an uncased vocabulary, expected one that says cased", err)
	}
}
