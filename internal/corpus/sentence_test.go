package corpus

import (
	"slices"
	"strings"
	"testing"
)

// One case for each rule; | stands for the space between two sentences, |^ for
// the place where two meet without one.
func TestSplitSentences(t *testing.T) {
	for _, c := range []struct{ rule, text string }{
		{"nothing", ""},
		{"one sentence", "The lobster is blue."},
		{"no stop at all", "The lobster is blue"},
		{"full stop and capital", "It is blue.|It turns red."},
		{"exclamation and question marks", "Is it blue?|Yes!|It is."},
		{"several marks", "Is it blue?!|Yes."},
		{"ellipsis", "It was...|Then it was not.|So…|Well."},
		{"lower case behind", "It lives in approx. and small pools. and then it moves."},
		{"a digit behind", "It is blue.|24 others are red."},
		{"letters without case behind", "He said.|א ב"},
		{"closing quotes", "He said \"It is.\"|She left."},
		{"typographic quotes", "He said “It is.”|She left.|‘So?’|“Yes.”"},
		{"closing bracket", "(It was.)|He left.|[He did.]|Yes."},
		{"opening quote behind", "He left.|\"It is,\" he said."},
		{"opening bracket behind", "He left.|(It is so.)"},
		{"bracket and lower case behind", "He left. (it is so)"},
		{"Spanish", "No sé.|¿Quién?|¡Tú!"},
		{"spaced punctuation", "It is blue .|It turns red ."},
		{"spaced quotes, closing", "He said \" It is . \"|She left ."},
		{"spaced quotes, opening", "He left .|\" It is , \" he said ."},
		{"spaced quotes, both", "\" It is . \"|\" It was . \"|She left ."},
		{"doubled spaced quotes", "He said \"\" It is . \"\"|She left .|\"\" It is , \"\" he said ."},
		{"spaced brackets", "( It was . )|He left ."},
		{"spaced bracket and lower case behind", "He left . ( it is so )"},
		{"spaced ellipsis", "It was ...|Then ."},
		{"spaced stops", "It was . . .|Then ."},
		{"titles", "Mr. Smith met Dr. Jones at St. Ives.|Gen. Lee left."},
		{"capitals of an abbreviation do not matter", "MR. Smith and mr. Jones."},
		{"quote before a title", "He saw \"Mr. Smith\" there."},
		{"versus", "Roe vs. Wade."},
		{"initials", "J. R. R. Tolkien and H. americanus."},
		{"letters and stops", "The U.S. Navy and the U.S.S.R. Navy."},
		{"letter and stop in brackets", "(H. Americanus) is one."},
		{"number words before a digit", "See No. 5, Fig. 7 and pp. 12 of vol. 3."},
		{"number words before a capital", "He said no.|She did."},
		{"months", "On Jan. 5 it began.|It ended in Dec.|Then rest."},
		{"items of a list", "1. Lobster is blue.|2. Crab is red."},
		{"a number at a sentence's end", "There were 24.|Others left."},
		{"a stop inside a word", "It weighs 3.5 kg and runs at example.com today."},
		{"no sentence without a letter", "... Thirteen Years Later."},
		{"a start that is punctuation", "\" ! \" It is."},
		{"an end that is punctuation", "你好。|^再见。!!"},
		{"ideographic stops", "你好。|^再见！|^是吗？|^是"},
		{"ideographic stop and quote", "他说「你好。」|^她走了。"},
		{"ideographic stop and space", "你好。|再见"},
		{"danda", "यह एक वाक्य है।|वह नदी है॥|^वह है"},
		{"Arabic question mark", "هل ذهب؟|نعم ذهب."},
		{"Urdu full stop", "یہ ہے۔|وہ ہے۔"},
		{"Armenian", "Սա է։|Նա է։|Այո"},
		{"Ethiopic", "ሰላም።|ደህና።"},
		{"Myanmar", "မင်္ဂလာပါ။|ကောင်းပါတယ်။"},
		{"fullwidth stop in a number", "約３．５個"},
		{"halfwidth ideographic stop", "ｱ｡|^ｲ"},
		{"double marks", "Really‼|Yes⁈|Well"},
		{"danda and quote", "“यह है।”|वह है।"},
		{"unknown words", "[UNK] left .|[UNK] came ."},
	} {
		t.Run(c.rule, func(t *testing.T) {
			paragraph := strings.ReplaceAll(strings.ReplaceAll(c.text, "|^", ""), "|", " ")
			want := strings.Split(strings.ReplaceAll(c.text, "^", ""), "|")
			if c.text == "" {
				want = nil
			}
			if got := splitSentences(paragraph); !slices.Equal(got, want) {
				t.Errorf("%q:\n got %q\nwant %q", paragraph, got, want)
			}
		})
	}
}

// A paragraph without a letter or number gives no sentence.
func TestSplitSentencesWithoutText(t *testing.T) {
	for _, paragraph := range []string{".", "\"", "\"\" ! ? ...", "。。。", "( )", "— 。"} {
		if got := splitSentences(paragraph); len(got) != 0 {
			t.Errorf("%q: got %q, want none", paragraph, got)
		}
	}
}

// The sentences hold all characters of the paragraph but spaces, and each has a
// letter or a number.
func FuzzSplitSentences(f *testing.F) {
	for _, seed := range []string{
		"It is. He said \" So . \" Then", "你好。!!再见。」 x", "1. A. B. No. 5 (Yes.) [No]", "\" . \" . A", "...", "a。。。b", ". A . B",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paragraph := cleanText(strings.ToValidUTF8(text, "?"))
		sentences := splitSentences(paragraph)
		joined := strings.ReplaceAll(strings.Join(sentences, ""), " ", "")
		if all := strings.ReplaceAll(paragraph, " ", ""); joined != all && strings.ContainsFunc(all, isWordRune) {
			t.Fatalf("%q became %q", paragraph, sentences)
		}
		for _, s := range sentences {
			if !strings.ContainsFunc(s, isWordRune) || strings.TrimSpace(s) != s {
				t.Fatalf("%q gave the sentence %q", paragraph, s)
			}
		}
	})
}

// Twice the text must not take four times the steps: these inputs would make a
// splitter that looks back or ahead without bound run for minutes.
func TestSplitSentencesLongInput(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	for name, unit := range map[string]string{
		"no space": "a.", "stops": ". ", "quotes": "\" ", "brackets behind a stop": "A. ( ( ( ", "ideographs": "你。", "sentences": "A b. ",
	} {
		paragraph := strings.TrimSpace("x" + strings.Repeat(unit, 1<<20))
		if got := len(strings.Join(splitSentences(paragraph), "")); got == 0 {
			t.Errorf("%s: no sentences", name)
		}
	}
}
