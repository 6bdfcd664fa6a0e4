package corpus

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// plainBasic is BertTokenizerFast's normalizer and splitter written down rule by
// rule, over whole strings, with no thought for speed: the oracle of Normalizer.tokens.
// TestTokenizerAsBertTokenizerFast holds both to the real one.
func plainBasic(text string) []string {
	var clean []rune
	for _, r := range text {
		switch {
		case strings.ContainsRune("\t\n\r", r), unicode.Is(unicode.Z, r):
			clean = append(clean, ' ')
		case unicode.Is(droppedRunes, r):
		case plainIdeograph(r):
			clean = append(clean, ' ', r, ' ')
		default:
			clean = append(clean, r)
		}
	}
	var bare, spaced strings.Builder
	for _, r := range string(clean) {
		decomposed := string(r)
		if r != 0x11938 {
			decomposed = norm.NFD.String(decomposed)
		}
		for _, d := range decomposed {
			if !unicode.Is(markRunes, d) {
				bare.WriteRune(d)
			}
		}
	}
	for _, r := range bare.String() {
		l := plainLower(r)
		if unicode.Is(punctRunes, l) {
			spaced.WriteString(" " + string(l) + " ")
		} else {
			spaced.WriteRune(l)
		}
	}
	return strings.FieldsFunc(spaced.String(), func(r rune) bool { return r == ' ' })
}

// plainLower is the lower case that Unicode 17 has.
func plainLower(r rune) rune {
	if l, ok := laterLower[r]; ok {
		return l
	}
	return unicode.ToLower(r)
}

// laterLower holds the capitals that came after Unicode 15.
var laterLower = func() map[rune]rune {
	later := map[rune]rune{
		0x1C89: 0x1C8A, 0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7CE: 0xA7CF, 0xA7D2: 0xA7D3, 0xA7D4: 0xA7D5, 0xA7DA: 0xA7DB, 0xA7DC: 0x19B,
	}
	for i := rune(0); i < 22; i++ {
		later[0x10D50+i] = 0x10D70 + i
	}
	for i := rune(0); i < 25; i++ {
		later[0x16EA0+i] = 0x16EBB + i
	}
	return later
}()

func plainIdeograph(r rune) bool {
	for _, block := range [][2]rune{
		{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x2A6DF},
		{0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F},
	} {
		if block[0] <= r && r <= block[1] {
			return true
		}
	}
	return false
}

// plainTokens is WordPiece by its definition, over plainBasic.
func plainTokens(v *Vocab, text string) []int32 {
	var ids []int32
	for {
		first, token := len(text), ""
		for _, special := range specialTokens {
			if at := strings.Index(text, special); at >= 0 && at < first {
				first, token = at, special
			}
		}
		ids = append(ids, plainWords(v, text[:first])...)
		if token == "" {
			return ids
		}
		id, _ := v.ID(token)
		ids = append(ids, id)
		text = text[first+len(token):]
	}
}

// plainWords is plainTokens of text without special tokens.
func plainWords(v *Vocab, text string) []int32 {
	var ids []int32
	for _, word := range plainBasic(text) {
		runes := []rune(word)
		if len(runes) > 100 {
			ids = append(ids, v.Unk())
			continue
		}
		var pieces []int32
		for start := 0; start < len(runes); {
			end := len(runes)
			for ; end > start; end-- {
				piece := string(runes[start:end])
				if start > 0 {
					piece = "##" + piece
				}
				if id, ok := v.ID(piece); ok {
					pieces = append(pieces, id)
					break
				}
			}
			if end == start {
				pieces = []int32{v.Unk()}
				break
			}
			start = end
		}
		ids = append(ids, pieces...)
	}
	return ids
}

// hardVocab has what the table needs: whole words, pieces, and some characters.
func hardVocab(t testing.TB) *Vocab {
	t.Helper()
	tokens := strings.Fields(`[PAD] [UNK] [CLS] [SEP] [MASK] a b ##a ##b ab ##ab abc un ##aff ##able unaff ##cd ##ord
		hello world cafe naive resume strasse straße i istanbul ##stanbul 中 国 日本 ア カ ##カ σ ς ο ##δ ##ο ##σ ##ς ##α
		unk mask cls uncased [ ] ! " # $ % & ' ( ) * + , - . / : ; < = > ? @ \ ^ _ ` + "`" + ` { | } ~ … – — “ ” « ¿ 。 €
		1 ##1 ##2 12 ##á k a` + "\u030a" + ` ` + "\u1112 ##\u1161 ##\u11ab" + ` x ##x ½ ² € 🙂 ok don t e ##m # ## ###`)
	slices.Sort(tokens[5:])
	tokens = slices.Compact(tokens)
	v, err := NewVocab(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Every rule of the reference tokenizer, with the tokens worked out by hand.
func TestTokenizerRules(t *testing.T) {
	v := hardVocab(t)
	tok := NewTokenizer(v)
	long := strings.Repeat("ab", 50) // 100 characters
	for _, c := range []struct{ rule, text, want string }{
		{"nothing", "", ""},
		{"only white space", " \t\r\n ", ""},
		{"words", "hello world", "hello world"},
		{"lower case", "HELLO World", "hello world"},
		{"every white space splits", "a\tb\nab\rabc", "a b ab abc"},
		{"no-break, en and ideographic space split", "a\u00a0b\u2002ab\u3000abc", "a b ab abc"},
		{"line and paragraph separators split", "a\u2028b\u2029ab", "a b ab"},
		{"NUL is dropped, not a space", "hel\x00lo", "hello"},
		{"U+FFFD is dropped", "hel\ufffdlo", "hello"},
		{"bytes that are no UTF-8 are dropped", "hel\xff\xc3lo", "hello"},
		{"C0 controls are dropped", "hel\x01\x1flo", "hello"},
		{"vertical tab and form feed are controls", "hel\x0b\x0clo", "hello"},
		{"DEL and C1 controls are dropped", "hel\x7f\u0085\u009flo", "hello"},
		{"format characters are dropped", "hel\u200b\u200d\ufeff\u00ad\u2060lo", "hello"},
		{"private use is dropped", "hel\ue000lo", "hello"},
		{"what is not assigned is a letter", "hel\u0378lo", "[UNK]"},
		{"a mark that is younger than the tables is a letter", "hel\u08e4lo hel\u0898lo", "hello [UNK]"},
		{"a dash that is younger than the tables is a letter", "a\u2e5db", "[UNK]"},
		{"ideographs stand apart", "ab中国ab", "ab 中 国 ab"},
		{"ideographs of another block", "a\U00020000b", "a [UNK] b"},
		{"compatibility ideographs stand apart, then decompose", "a\uf900b", "a [UNK] b"},
		{"kana are letters of words", "アカ", "ア ##カ"},
		{"hangul decomposes", "한", "\u1112 ##\u1161 ##\u11ab"},
		{"accent, composed", "café", "cafe"},
		{"accent, combining", "cafe\u0301", "cafe"},
		{"several marks on a letter", "nai\u0308\u0323\u0301ve", "naive"},
		{"accents and capitals", "RÉSUMÉ", "resume"},
		{"a word of marks only is nothing", "a \u0301\u0308 b", "a b"},
		{"angstrom and kelvin sign", "\u212a", "k"},
		{"sharp s stays", "Straße", "straße"},
		{"capital sharp s", "STRA\u1e9eE", "straße"},
		{"capital I with a dot", "İstanbul", "istanbul"},
		{"sigma inside a word and at its end", "ΟΣΟΣ", "ο ##σ ##ο ##σ"},
		{"sigma alone", "Σ", "σ"},
		{"a final sigma that is written", "ος.", "ο ##ς ."},
		{"all ASCII punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
			"! \" # $ % & ' ( ) * + , - . / : ; < = > ? @ [ \\ ] ^ _ ` { | } ~"},
		{"ASCII symbols split words", "a$b+ab<abc=a>b^ab`abc|a~b", "a $ b + ab < abc = a > b ^ ab ` abc | a ~ b"},
		{"apostrophe", "don't", "don ' t"},
		{"Unicode punctuation splits", "a…b–ab—abc“a”«b¿a", "a … b – ab — abc “ a ” « b ¿ a"},
		{"ideographic full stop", "中。国", "中 。 国"},
		{"the Greek question mark decomposes to punctuation", "a\u037eb", "a ; b"},
		{"Unicode symbols do not split", "a€b", "[UNK]"},
		{"a symbol alone", "€ 🙂 ½ ²", "€ 🙂 ½ ²"},
		{"compatibility characters stay", "ﬁ", "[UNK]"},
		{"longest match first", "abc ab abab", "abc ab ab ##ab"},
		{"greedy: abc leaves ##d, which is no token, though ab ##cd are", "abcd", "[UNK]"},
		{"pieces", "unord unaffable a12", "un ##ord unaff ##able a ##1 ##2"},
		{"first or continuing piece", "1 12 121", "1 12 12 ##1"},
		{"a rest that no token starts", "helloq", "[UNK]"},
		{"a start that no token starts", "qhello hello", "[UNK] hello"},
		{"100 characters", long, "ab" + strings.Repeat(" ##ab", 49)},
		{"101 characters", long + "a", "[UNK]"},
		{"100 characters of several bytes", "ア" + strings.Repeat("カ", 99), "ア" + strings.Repeat(" ##カ", 99)},
		{"101 characters of several bytes", "ア" + strings.Repeat("カ", 100), "[UNK]"},
		{"length counts without accents", strings.Repeat("áb", 50), "ab" + strings.Repeat(" ##ab", 49)},
		{"punctuation ends the count", long + "." + long, "ab" + strings.Repeat(" ##ab", 49) + " . ab" + strings.Repeat(" ##ab", 49)},
		{"special tokens between spaces", "a [MASK] [UNK]\t[SEP] [CLS] [PAD]", "a [MASK] [UNK] [SEP] [CLS] [PAD]"},
		{"a special token in lower case", "[mask]", "[ mask ]"},
		{"a special token that touches a word", "a[MASK] [UNK].", "a [MASK] [UNK] ."},
		{"a special token beside an ideograph", "中[UNK]国", "中 [UNK] 国"},
		{"a special token with a control in it", "[M\u200bASK]", "[ mask ]"},
		{"special tokens in a row", "[[MASK]][CLS][SEP]x[PAD", "[ [MASK] ] [CLS] [SEP] x [ [UNK]"},
		{"a special token that composes", "[UN\u212a]", "[ unk ]"},
		{"the continuation prefix in text", "##ab", "# # ab"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := tokensOf(v, tok.Append(nil, c.text))
			if want := strings.Fields(c.want); !slices.Equal(got, want) {
				t.Errorf("%+q: got %q, want %q", c.text, got, want)
			}
			if plain := tokensOf(v, plainTokens(v, c.text)); !slices.Equal(plain, strings.Fields(c.want)) {
				t.Errorf("the oracle is wrong on %+q: got %q, want %q", c.text, plain, c.want)
			}
		})
	}
}

func tokensOf(v *Vocab, ids []int32) []string {
	var tokens []string
	for _, id := range ids {
		tokens = append(tokens, v.Token(id))
	}
	return tokens
}

// Every code point, inside a word and alone, through both implementations.
func TestTokenizerEveryRune(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the tokenizer starts no goroutine")
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		for _, text := range []string{"aΣ" + string(r) + "Bé", string(r)} {
			if r > 0x3FFFF && r%64 != 0 { // nearly all unassigned or private
				continue
			}
			if got, want := words(text), plainBasic(text); !slices.Equal(got, want) {
				t.Fatalf("%U in %+q: got %q, want %q", r, text, got, want)
			}
		}
	}
}

func words(text string) []string {
	var words []string
	for word := range (Normalizer{}).tokens(text) {
		words = append(words, string(word))
	}
	return words
}

func TestTokenizerStopsEarly(t *testing.T) {
	for _, text := range []string{"a b", "a.b", ".a b", "é b", "中国", "é.b", "[UNK] b", "É.É", "aé.b c"} {
		all := words(text)
		for n := range len(all) {
			var got []string
			for word := range (Normalizer{}).tokens(text) {
				got = append(got, string(word))
				if len(got) > n {
					break
				}
			}
			if !slices.Equal(got, all[:n+1]) {
				t.Errorf("%q: the first %d words are %q, want %q", text, n+1, got, all[:n+1])
			}
		}
	}
}

func TestTokenizerAppends(t *testing.T) {
	v := hardVocab(t)
	dst := []int32{-7, -8}
	got := NewTokenizer(v).Append(dst, "hello q world")
	want := append(slices.Clone(dst), plainTokens(v, "hello q world")...)
	if !slices.Equal(got, want) || dst[0] != -7 || dst[1] != -8 {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Many goroutines share one tokenizer (the race detector looks on).
func TestTokenizerConcurrently(t *testing.T) {
	v := hardVocab(t)
	tok := NewTokenizer(v)
	const text = "Hello, [MASK] unord café 中国 ΟΣ. İstanbul"
	want := plainTokens(v, text)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if got := tok.Append(nil, text); !slices.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
					return
				}
			}
		})
	}
	all.Wait()
}

// The check of WikiText-2's validation file: both implementations, with a
// vocabulary trained on the file itself.
func TestTokenizerWikiText(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	text := wikiText(t, "valid.txt")
	counter := NewWordCounter(Normalizer{})
	counter.Add(text)
	v, err := TrainVocab(t.Context(), counter, 4096)
	if err != nil {
		t.Fatal(err)
	}
	tok := NewTokenizer(v)
	for number, line := range strings.Split(text, "\n") {
		if got, want := tok.Append(nil, line), plainTokens(v, line); !slices.Equal(got, want) {
			t.Fatalf("line %d: got %q, want %q", number+1, tokensOf(v, got), tokensOf(v, want))
		}
	}
	if got, want := tok.Append(nil, text), plainTokens(v, text); !slices.Equal(got, want) {
		t.Fatal("the whole file: the two implementations differ")
	}
}

func FuzzTokenizer(f *testing.F) {
	for _, seed := range []string{
		"", "Hello, World!", "café ΟΔΟΣ. İ", "中国[UNK] [MASK]", "a\x00b\xffc\u200bd\u2028e", "a$b`c~d^e",
		strings.Repeat("ab", 51), "한글 \uf900\U0002f800 \u212a", "\u0301a \u037e ##a",
	} {
		f.Add(seed)
	}
	v := hardVocab(f)
	tok := NewTokenizer(v)
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := words(text), plainBasic(text); !slices.Equal(got, want) {
			t.Fatalf("%+q: words %+q, want %+q", text, got, want)
		}
		got, want := tok.Append(nil, text), plainTokens(v, text)
		if !slices.Equal(got, want) {
			t.Fatalf("%+q: tokens %q, want %q", text, tokensOf(v, got), tokensOf(v, want))
		}
	})
}

// BenchmarkTokenizer reads WikiText-2's validation file on all processors.
func BenchmarkTokenizer(b *testing.B) {
	text := wikiText(b, "valid.txt")
	counter := NewWordCounter(Normalizer{})
	counter.Add(text)
	for _, size := range []int{1024, 8192, 16384} {
		v, err := TrainVocab(b.Context(), counter, size)
		if err != nil {
			b.Fatal(err)
		}
		tok := NewTokenizer(v)
		lines := strings.SplitAfter(text, "\n")
		b.Run(fmt.Sprintf("V=%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.RunParallel(func(pb *testing.PB) {
				ids := make([]int32, 0, utf8.RuneCountInString(text))
				for pb.Next() {
					ids = ids[:0]
					for _, line := range lines {
						ids = tok.Append(ids, line)
					}
				}
			})
		})
	}
}
