package corpus

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// documents reads text as a file named "f".
func documents(t *testing.T, text string, reading Reading) ([]Document, error) {
	t.Helper()
	var docs []Document
	err := readFrom(t.Context(), "f", strings.NewReader(text), reading, func(d Document) error {
		docs = append(docs, d)
		return nil
	})
	return docs, err
}

// openedAs opens a file of bytes.
func openedAs(name string, r io.Reader, reading Reading) (*opened, error) {
	f, err := fileformat.NewReader(name, textFile, r)
	if err != nil {
		return nil, dataError(err)
	}
	return recognized(&input{path: name}, f, reading)
}

// readFrom is ReadFile on the file's bytes.
func readFrom(ctx context.Context, name string, r io.Reader, reading Reading, yield func(Document) error) error {
	o, err := openedAs(name, r, reading)
	if err != nil {
		return err
	}
	return o.documents(ctx, reading, yield)
}

func TestDocuments(t *testing.T) {
	doc := func(line int, sentences ...string) Document { return Document{"f", line, sentences} }
	for _, c := range []struct {
		rule, text string
		want       []Document
		format     Format
	}{
		{"one line", "Hello world.", []Document{doc(1, "Hello world.")}, Auto},
		{"blank lines split", "A one. B two.\n\nC three.\n \t \n\nD four.\n",
			[]Document{doc(1, "A one.", "B two."), doc(3, "C three."), doc(6, "D four.")}, Auto},
		{"lines of a paragraph join", "\n\nA sentence over\ntwo lines. And\none more.\n", []Document{doc(3, "A sentence over two lines.", "And one more.")}, Auto},
		{"CR LF", "A one.\r\nB two.\r\n\r\nC three.\r\n", []Document{doc(1, "A one.", "B two."), doc(4, "C three.")}, Auto},
		{"byte order mark", "\ufeffA one.", []Document{doc(1, "A one.")}, Auto},
		{"paragraphs without letters go", "***\n\n\"\n\nA one.\n", []Document{doc(5, "A one.")}, Auto},
		{"titles split, blank lines do not", " \n = Lobster = \n \n It is blue . It swims . \n \n It is red \n More . \n = Crab = \n \n Crab . \n",
			[]Document{doc(2, "It is blue .", "It swims .", "It is red", "More ."), doc(8, "Crab .")}, Auto},
		{"section headings are dropped", " = A = \n \n One . \n \n = = B = = \n \n Two . \n = = = C = = = \n \n Three . \n",
			[]Document{doc(1, "One .", "Two .", "Three .")}, Auto},
		{"text before the first title", "One .\n\nTwo .\n\n= T =\n\nThree .\n\nFour .\n",
			[]Document{doc(1, "One ."), doc(3, "Two ."), doc(5, "Three .", "Four .")}, WikiText},
		{"a title without text", "= A =\n\n= B =\n\nOne .", []Document{doc(3, "One .")}, Auto},
		{"a title at the end", "One .\n= A =", []Document{doc(1, "One .")}, Auto},
		{"an equation is no title", "One .\n= 2 x =\nTwo .\n\nThree .", []Document{doc(1, "One . = 2 x = Two ."), doc(5, "Three .")}, Auto},
		{"unbalanced signs are no heading", "= A\n\n= = B =\n\n= = C\n", []Document{doc(1, "= A"), doc(3, "= = B ="), doc(5, "= = C")}, Auto},
		{"marks undone", "Red @-@ tipped , 1 @,@ 000 and 0 @.@ 7 .", []Document{doc(1, "Red-tipped , 1,000 and 0.7 .")}, Auto},
		{"unknown words", "The <unk> of <unk>, here.", []Document{doc(1, "The [UNK] of [UNK] , here.")}, Auto},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got, err := documents(t, c.text, Reading{Format: c.format})
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q:\n got %+v, %v\nwant %+v", c.text, got, err, c.want)
			}
		})
	}
}

func TestCleanText(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"  a \t b\u00a0c\u3000d\f\v ": "a b c d",
		"a @-@ b @-@ c":               "a-b-c",
		"1 @,@ 000 @.@ 5":             "1,000.5",
		"@-@ a":                       "- a",
		"a @-@":                       "a -",
		"@-@":                         "-",
		"a @-@ @,@ b":                 "a-@,@ b",
		"a @-@b @+@ c":                "a @-@b @+@ c",
		"<unk>":                       "[UNK]",
		"x<unk>y":                     "x [UNK] y",
		"<unk> @-@ a @-@ <unk>":       "[UNK] - a - [UNK]",
		"<unk> 's":                    "[UNK] 's",
	} {
		if got := cleanText(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// What is undone or not, the tokens of an unknown word and its neighbors are
// those of the original with the word's id in its place.
func TestUnknownWordTokens(t *testing.T) {
	v := hardVocab(t)
	got := tokensOf(v, NewTokenizer(v).Append(nil, cleanText("a <unk> @-@ b @-@ ab , <unk> .")))
	if want := strings.Fields("a [UNK] - b - ab , [UNK] ."); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every fault of a text is one line that names file, line and byte.
func TestTextErrors(t *testing.T) {
	var noise strings.Builder
	for i := range 1000 {
		noise.WriteByte(byte(1 + i%200))
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "f: found no sentence, expected text"},
		"blank":          {" \n\t\n", "f: found no sentence, expected text"},
		"only headings":  {"= A =\n\n= = B = =\n", "f: found no sentence, expected text"},
		"no letter":      {"...\n", "f: found no sentence, expected text"},
		"NUL":            {"one\ntw\x00o\n", "f:2: found binary data (a NUL) at byte 6, expected UTF-8 text"},
		"late NUL":       {strings.Repeat("a line\n", 2000) + "\x00", "f:2001: found binary data (a NUL) at byte 14000, expected UTF-8 text"},
		"CR alone":       {"one two.\rthree four.\r\rfive.\r", "f:1: found line ends of CR alone at byte 8, expected LF or CRLF"},
		"controls":       {"ok\n" + noise.String(), "f:2: found binary data (130 control bytes among the first 1003) at byte 3, expected UTF-8 text"},
		"UTF-16":         {"\xff\xfea\x00", "f: found text in UTF-16, expected a text file: convert it (iconv -f UTF-16 -t UTF-8)"},
		"big UTF-16":     {"\xfe\xff\x00a", "f: found text in UTF-16, expected a text file: convert it (iconv -f UTF-16 -t UTF-8)"},
		"Latin-1":        {"one\ntwo\ncaf\xe9 x\n", "f:3: found invalid UTF-8 (byte 0xe9) at byte 11, expected UTF-8 text"},
		"cut rune":       {"caf\xc3", "f:1: found invalid UTF-8 (byte 0xc3) at byte 3, expected UTF-8 text"},
		"surrogate":      {"a\xed\xa0\x80", "f:1: found invalid UTF-8 (byte 0xed) at byte 1, expected UTF-8 text"},
		"U+FFFD is fine": {"a\ufffdb\n\xff", "f:2: found invalid UTF-8 (byte 0xff) at byte 6, expected UTF-8 text"},
		"behind a BOM":   {"\ufeffa\n\xff", "f:2: found invalid UTF-8 (byte 0xff) at byte 5, expected UTF-8 text"},
	} {
		if _, err := documents(t, c.text, Reading{}); !errors.Is(err, ErrBadData) || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
	broken := errors.New("broken\ndisk")
	for _, r := range []io.Reader{iotest.ErrReader(broken), io.MultiReader(strings.NewReader(strings.Repeat("word ", 1<<17)), iotest.ErrReader(broken))} {
		err := readFrom(t.Context(), "f", r, Reading{}, func(Document) error { return nil })
		if !errors.Is(err, broken) || !errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n") {
			t.Errorf("a broken reader gives %q", err)
		}
	}
}

// A few control bytes, as old text files have them, are no binary data.
func TestTextWithSomeControls(t *testing.T) {
	docs, err := documents(t, "page one.\f\x1b[1mPage two.\x07\n", Reading{})
	if err != nil || len(docs) != 1 {
		t.Errorf("got %+v, %v", docs, err)
	}
}

func TestReadTextStops(t *testing.T) {
	stop := errors.New("enough")
	seen := 0
	err := readFrom(t.Context(), "f", strings.NewReader("A.\n\nB.\n\nC."), Reading{}, func(Document) error {
		if seen++; seen == 2 {
			return stop
		}
		return nil
	})
	if err != stop || seen != 2 {
		t.Errorf("stopped with %v after %d documents, want %v after 2", err, seen, stop)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = readFrom(ctx, "f", strings.NewReader(strings.Repeat("A line.\n\n", 10000)), Reading{}, func(Document) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

// A line longer than any buffer comes whole.
func TestLongLine(t *testing.T) {
	line := strings.Repeat("wörd ", 200_000) + "end"
	docs, err := documents(t, "short\n\n"+line+"\n\nshort again", Reading{})
	if err != nil || len(docs) != 3 || docs[1].Sentences[0] != line || docs[2].Line != 5 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

// The facts of WikiText-2: 600 and 60 articles. Some of its lines look like
// titles ("= Played , W ="), but have text below.
func TestWikiTextDocuments(t *testing.T) {
	for name, want := range map[string]int{"train.txt": 600, "valid.txt": 60} {
		docs, sentences := 0, 0
		err := readDocuments(t.Context(), []string{wikiTextPath(t, name)}, func(d Document) error {
			docs++
			sentences += len(d.Sentences)
			for _, s := range d.Sentences {
				if strings.Contains(s, "<unk>") || strings.Contains(s, " @-@ ") {
					t.Errorf("%s:%d: %q is not clean", name, d.Line, s)
				}
			}
			return nil
		})
		if err != nil || docs != want || sentences < 100*want {
			t.Errorf("%s: %d documents, %d sentences, %v, want %d documents", name, docs, sentences, err, want)
		}
	}
}

// Any bytes give documents as ReadFile promises them, or an error in one line.
func FuzzReadDocuments(f *testing.F) {
	for _, seed := range []string{
		"", "A one. B two.\n\nC.", " = T = \n \n A @-@ b <unk> . \n = = S = = \n \n C .", "\ufeffa\r\n", "a\x00", "\xff", "\x01\x02\x03",
		gzipped(f, "A one."), zstandard(f, "A one."), "=\n\n= =\n\n= = =\n", "@-@ @-@\n\"\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "f")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		count, line := 0, 0
		err := readDocuments(t.Context(), []string{path}, func(d Document) error {
			if count++; d.Line <= line || d.Source != path || len(d.Sentences) == 0 {
				t.Errorf("document %+v behind line %d", d, line)
			}
			line = d.Line
			for _, s := range d.Sentences {
				if !utf8.ValidString(s) || strings.Join(strings.Fields(s), " ") != s || !strings.ContainsFunc(s, isWordRune) {
					t.Errorf("sentence %q", s)
				}
			}
			return nil
		})
		if err == nil && count == 0 || err != nil && (!errors.Is(err, ErrBadData) || strings.ContainsAny(err.Error(), "\r\n")) {
			t.Fatalf("%d documents, error %v", count, err)
		}
	})
}

// readDocuments calls yield for every document in the files under paths, in
// order: listInputs says which they are, ReadFile what a document is. It stops at
// the first error, yield's own included, and returns it unchanged.
func readDocuments(ctx context.Context, paths []string, yield func(Document) error) error {
	list, err := listInputs(ctx, paths)
	if err != nil {
		return err
	}
	for _, in := range list.files {
		if err := readInput(ctx, in, Reading{}, yield); err != nil {
			return err
		}
	}
	return nil
}
