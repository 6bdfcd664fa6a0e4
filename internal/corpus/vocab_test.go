package corpus

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const specials = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

func TestVocab(t *testing.T) {
	v, err := ParseVocab("v", strings.NewReader("a\n[MASK]\n[SEP]\n##a\n[CLS]\n[UNK]\né\n[PAD]\n##\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v.Size() != 9 {
		t.Errorf("size %d, want 9", v.Size())
	}
	if got, want := []int32{v.Pad(), v.Unk(), v.Cls(), v.Sep(), v.Mask()}, []int32{7, 5, 4, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("special tokens %v, want %v", got, want)
	}
	for id, token := range []string{"a", "[MASK]", "[SEP]", "##a", "[CLS]", "[UNK]", "é", "[PAD]", "##"} {
		if got := v.Token(int32(id)); got != token {
			t.Errorf("token %d is %q, want %q", id, got, token)
		}
		if got, ok := v.ID(token); got != int32(id) || !ok {
			t.Errorf("id of %q is %d, %v, want %d", token, got, ok, id)
		}
		if got, want := v.Continuation(int32(id)), token[0] == '#'; got != want {
			t.Errorf("Continuation(%q) = %v, want %v", token, got, want)
		}
	}
	if _, ok := v.ID("b"); ok {
		t.Error("the vocabulary has a token it was not given")
	}
	for _, id := range []int32{-1, 9, 1 << 30} {
		if v.Token(id) != "" || v.Continuation(id) {
			t.Errorf("id %d is out of range, yet has a token", id)
		}
	}
}

func TestVocabFormats(t *testing.T) {
	want, err := ParseVocab("v", strings.NewReader(specials+"a\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no newline at the end": specials + "a",
		"CR LF":                 strings.ReplaceAll(specials+"a\n", "\n", "\r\n"),
		"byte order mark":       "\ufeff" + specials + "a\n",
	} {
		v, err := ParseVocab("v", strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if v.SHA256() != want.SHA256() {
			t.Errorf("%s: %q, want %q", name, v.tokens, want.tokens)
		}
	}
}

func TestVocabWriteTo(t *testing.T) {
	text := specials + "a\n##é\n"
	v, err := ParseVocab("v", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := v.WriteTo(&out); err != nil || n != int64(len(text)) || out.String() != text {
		t.Errorf("wrote %q (%d, %v), want %q", out.String(), n, err, text)
	}
	if got, want := v.SHA256(), fmt.Sprintf("%x", sha256.Sum256([]byte(text))); got != want {
		t.Errorf("SHA256 %s, want %s", got, want)
	}
	path := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := LoadVocab(path)
	if err != nil || back.SHA256() != v.SHA256() {
		t.Errorf("reading it again: %v", err)
	}
	full := errors.New("disk full")
	if _, err := v.WriteTo(failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("a failing writer gives %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Published vocabularies have tokens with white space of all kinds.
func TestAnyToken(t *testing.T) {
	odd := []string{"a b", "\u00a0", "x\u2028", "##\u3000", " ", "\t", "\u0085", "\x00", "\u200b"}
	v, err := ParseVocab("v", strings.NewReader(specials+strings.Join(odd, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Tokens()[5:]; !slices.Equal(got, odd) {
		t.Errorf("found %q, expected %q", got, odd)
	}
}

func TestVocabErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":       {"", "v: found no tokens, expected a vocabulary, one token a line"},
		"empty line":  {specials + "a\n\nb\n", "v:7: found an empty line, expected one token a line"},
		"prose":       {"One line.\nAnother one.\n", `v:1: found white space in "One line." and no line [UNK], expected a vocabulary, one token a line`},
		"lone CR":     {specials + "a\rb\n", `v:6: found a line end in token "a\rb", expected one token a line`},
		"duplicate":   {specials + "a\nb\na\n", `v:8: found token "a" again, first on line 6, expected each token once`},
		"twice [UNK]": {specials + "[UNK]\n", `v:6: found token "[UNK]" again, first on line 2, expected each token once`},
		"NUL":         {"\x00\n", `v: found 1 tokens without [PAD], expected the special tokens [PAD] [UNK] [CLS] [SEP] [MASK]`},
		"not UTF-8":   {specials + "a\nb\xff\n", `v:7: found invalid UTF-8 in token "b\xff", expected one token a line`},
		"long line":   {"a\n" + strings.Repeat("a", 1<<17), "v:2: found a line of more than 65536 bytes, expected one token a line"},
		"no [MASK]": {"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n",
			"v: found 5 tokens without [MASK], expected the special tokens [PAD] [UNK] [CLS] [SEP] [MASK]"},
	} {
		_, err := ParseVocab("v", strings.NewReader(c.text))
		if !errors.Is(err, ErrBadData) || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
	// Text of any length is refused after its first lines.
	endless := 0
	_, err := ParseVocab("v", readerFunc(func(p []byte) (int, error) {
		endless++
		return copy(p, fmt.Sprintf("line %d\n", endless)), nil
	}))
	if err == nil || !strings.Contains(err.Error(), `v:1: found white space in "line 1"`) {
		t.Errorf("endless text: found %v", err)
	}
	for _, special := range specialTokens {
		_, err := ParseVocab("v", strings.NewReader(strings.Replace(specials, special, "x", 1)))
		if err == nil || !strings.Contains(err.Error(), "without "+special+",") {
			t.Errorf("without %s: %v", special, err)
		}
	}
	if _, err := NewVocab([]string{"a", "a"}); err == nil || !strings.HasPrefix(err.Error(), "vocabulary:2: ") {
		t.Errorf("NewVocab: %v", err)
	}
	broken := errors.New("broken")
	if _, err := ParseVocab("v", iotest.ErrReader(broken)); !errors.Is(err, broken) || !errors.Is(err, ErrBadData) {
		t.Errorf("a broken reader gives %v", err)
	}
	folder := t.TempDir()
	for path, want := range map[string]string{
		folder:                        folder + ": found a folder, expected a vocabulary file",
		filepath.Join(folder, "none"): filepath.Join(folder, "none") + ": found nothing there, expected a vocabulary file",
	} {
		if _, err := LoadVocab(path); err == nil || err.Error() != want || !errors.Is(err, ErrBadData) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNewVocabCopies(t *testing.T) {
	tokens := strings.Fields(specials + "a")
	v, err := NewVocab(tokens)
	if err != nil {
		t.Fatal(err)
	}
	tokens[5] = "b"
	if v.Token(5) != "a" {
		t.Error("the vocabulary changed with its caller's slice")
	}
}

// Whatever ParseVocab takes, it writes and reads again as the same; whatever it
// refuses, it refuses in one line.
func FuzzParseVocab(f *testing.F) {
	for _, seed := range []string{
		"", "\n", specials, specials + "a\n##a\n", "\ufeff" + specials, specials + "a\r\n", specials + "a\n\n",
		specials + "a\na\n", "a b\n", "\xff\n", specials + "\r\r\n", specials + "\ufeff\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := ParseVocab("v", bytes.NewReader(text))
		if err != nil {
			if !errors.Is(err, ErrBadData) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("error %q", err)
			}
			return
		}
		var out bytes.Buffer
		if _, err := v.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		back, err := ParseVocab("v", &out)
		if err != nil || !slices.Equal(back.tokens, v.tokens) {
			t.Fatalf("written and read again: %v", err)
		}
		NewTokenizer(v).Append(nil, string(text))
	})
}
