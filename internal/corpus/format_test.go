package corpus

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// story is document i: sentences of eight words, six to a document.
func story(i int) []string {
	words := strings.Fields("finds window mirror engine runs bright walks copper silver stone broken river")
	var out []string
	for j := range 6 {
		var w []string
		for k := range 8 {
			w = append(w, words[(i+j*5+k*7)%len(words)])
		}
		w[0] = strings.ToUpper(w[0][:1]) + w[0][1:]
		out = append(out, strings.Join(w, " ")+".")
	}
	return out
}

// corpusOf joins documents, each made by text, with between.
func corpusOf(n int, between string, text func(i int) string) string {
	var out []string
	for i := range n {
		out = append(out, text(i))
	}
	return strings.Join(out, between) + "\n"
}

// wrap breaks text into lines of about width.
func wrap(text string, width int) string {
	var out strings.Builder
	line := 0
	for word := range strings.FieldsSeq(text) {
		if line > 0 && line+len(word) > width {
			out.WriteByte('\n')
			line = 0
		} else if line > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(word)
		line += len(word) + 1
	}
	return out.String()
}

// Text of each shape is recognized, with documents and sentences counted by hand.
func TestRecognize(t *testing.T) {
	const n = 30
	paragraph := func(i int) string { return strings.Join(story(i), " ") }
	lines := func(i int) string { return strings.Join(story(i), "\n") }
	lower := func(i int) string { return strings.ToLower(strings.ReplaceAll(lines(i), ".", " .")) }
	bare := func(i int) string { // the text of a speech recognizer
		var out []string
		for j, s := range story(i) {
			out = append(out, strings.ToLower(strings.TrimSuffix(s, "."))[:20+5*j])
		}
		return strings.Join(out, "\n")
	}
	wiki := func(i int) string {
		return fmt.Sprintf(" = Title %d = \n \n %s \n \n = = Section = = \n \n %s ", i, paragraph(i), paragraph(i+1))
	}
	extracted := func(i int) string {
		return fmt.Sprintf("<doc id=\"%d\" url=\"u\" title=\"A &amp; %d\">\nA &amp; %d\n\n%s\n\nThe &lt;b&gt; tag.\n</doc>", i, i, i, paragraph(i))
	}
	object := func(i int) string { return fmt.Sprintf(`{"id": %d, "text": "%s"}`, i, paragraph(i)) }
	insert := func(text, line string) string {
		return text[:len(text)/2] + "\n\n" + line + "\n\n" + text[len(text)/2:]
	}
	for name, c := range map[string]struct {
		text                 string
		format               Format
		documents, sentences int
	}{
		"prose, a line":          {corpusOf(n, "\n\n", paragraph), Prose, n, 6 * n},
		"prose, wrapped":         {corpusOf(n, "\n\n", func(i int) string { return wrap(paragraph(i), 40) }), Prose, n, 6 * n},
		"prose, paragraph lines": {corpusOf(n, "\n\n", func(i int) string { return paragraph(i) + "\n" + paragraph(i+1) }), Prose, n, 12 * n},
		"sentences":              {corpusOf(n, "\n\n", lines), SentenceLines, n, 6 * n},
		"sentences, lower case":  {corpusOf(n, "\n\n", lower), SentenceLines, n, 6 * n},
		"sentences, abbreviations": {corpusOf(n, "\n\n", func(i int) string {
			return strings.ReplaceAll(lines(i), []string{"engine", "none"}[min(i%4, 1)], "Yahoo! Inc.")
		}), SentenceLines, n, 6 * n},
		"sentences, bare": {corpusOf(n, "\n\n", bare), SentenceLines, n, 6 * n},
		"bare, wrapped":   {corpusOf(n, "\n\n", func(i int) string { return wrap(strings.ReplaceAll(strings.ToLower(paragraph(i)), ".", ""), 60) }), Prose, n, n},
		"Thai": {corpusOf(n, "\n\n", func(i int) string {
			return strings.Repeat("ฉันชอบอ่านหนังสือ\nเขาไปตลาดทุกวันตอนเช้ากับแม่\nฝน\n", 3)
		}), SentenceLines, n, 9 * n},
		"a title line a document": {corpusOf(n, "\n\n", func(i int) string { return "On windows\n" + lines(i) }), SentenceLines, n, 7 * n},
		"WikiText":                {corpusOf(n, "\n", wiki), WikiText, n, 12 * n},
		"titles alone":            {corpusOf(n, "\n\n", func(i int) string { return "= Title =\n\n" + paragraph(i) + "\n\n" + paragraph(i+1) }), WikiText, n, 12 * n},
		"one heading":             {insert(corpusOf(n, "\n\n", paragraph), "= Notes ="), Prose, n + 1, 6*n + 1},
		"one heading, first":      {"= Notes =\n\n" + corpusOf(n, "\n\n", paragraph), Prose, n, 6 * n},
		"one section":             {insert(corpusOf(n, "\n\n", paragraph), "= = Notes = ="), Prose, n + 1, 6*n + 1},
		"WikiExtractor":           {corpusOf(n, "\n", extracted), WikiExtractor, n, 7 * n},
		"one tag":                 {insert(corpusOf(n, "\n\n", paragraph), `<doc id="1">`), Prose, n + 2, 6*n + 2},
		"a tag first":             {`<doc id="1"> is a tag.` + "\n\n" + corpusOf(n, "\n\n", paragraph), Prose, n + 1, 6*n + 1},
		"JSON lines":              {corpusOf(n, "\n", object), JSONLines, n, 6 * n},
		"JSON lines, one":         {object(0), JSONLines, 1, 6},
		"JSON lines, a long one":  {`{"text": "` + strings.Repeat("It is long. ", 40_000) + `"}`, JSONLines, 1, 40_000},
		"one brace":               {insert(corpusOf(n, "\n\n", paragraph), `{"text": "x"}`), Prose, n + 2, 6*n + 2},
		"a brace first":           {"{Note}\n\n" + corpusOf(n, "\n\n", paragraph), Prose, n + 1, 6*n + 1},
		"a bracket first":         {"[1] A note.\n\n" + corpusOf(n, "\n\n", paragraph), Prose, n + 1, 6*n + 1},
		"commas":                  {corpusOf(n, "\n\n", func(i int) string { return strings.ReplaceAll(lines(i), "engine", "engine,") }), SentenceLines, n, 6 * n},
		"one long text":           {strings.ToLower(strings.Repeat("finds window mirror ", 30_000)), Prose, 1, 1},
		"invisible lines between": {corpusOf(n, "\n\u200b \ufeff\n", paragraph), Prose, n, 6 * n},
		"controls between":        {corpusOf(n, "\n\x1a\n", paragraph), Prose, n, 6 * n},
		"Windows":                 {strings.ReplaceAll(corpusOf(n, "\n\n", lines), "\n", "\r\n"), SentenceLines, n, 6 * n},
		"danda": {corpusOf(n, "\n\n", func(i int) string {
			return strings.ReplaceAll("नदी यह एक वाक्य है। वह नदी है।वह है॥", "x", "")
		}), Prose, n, 3 * n},
		"danda, lines": {corpusOf(n, "\n\n", func(int) string {
			return "नदी यह एक वाक्य है।\nवह नदी है।\nवह है।"
		}), SentenceLines, n, 3 * n},
	} {
		got, format, err := recognizedDocuments(t, c.text, Reading{})
		sentences := 0
		for _, d := range got {
			sentences += len(d.Sentences)
		}
		if err != nil || format != c.format || len(got) != c.documents || sentences != c.sentences {
			t.Errorf("%s: found %s, %d documents, %d sentences, error %v, expected %s, %d, %d",
				name, format, len(got), sentences, err, c.format, c.documents, c.sentences)
		}
	}
}

// recognizedDocuments reads text and says as what.
func recognizedDocuments(t *testing.T, text string, reading Reading) (docs []Document, format Format, err error) {
	t.Helper()
	o, err := openedAs("f", strings.NewReader(text), reading)
	if err != nil {
		return nil, Auto, err
	}
	err = o.documents(t.Context(), reading, func(d Document) error {
		docs = append(docs, d)
		return nil
	})
	return docs, o.format, err
}

// What a document and a sentence is, format by format.
func TestFormatsByHand(t *testing.T) {
	doc := func(line int, sentences ...string) Document { return Document{"f", line, sentences} }
	for name, c := range map[string]struct {
		text    string
		reading Reading
		want    []Document
	}{
		"prose":          {"ab\ncd. De.\n\nf\n", Reading{Format: Prose}, []Document{doc(1, "ab cd.", "De."), doc(4, "f")}},
		"sentence lines": {"a b\nc. D e.\n...\n\nf\n", Reading{Format: SentenceLines}, []Document{doc(1, "a b", "c. D e."), doc(5, "f")}},
		"WikiText": {"One.\n\nTwo.\n\n= T =\n\nThree. Four.\nfive\n\nSix.\n= = S = =\n\nSeven.\n", Reading{Format: WikiText},
			[]Document{doc(1, "One."), doc(3, "Two."), doc(5, "Three.", "Four.", "five", "Six.", "Seven.")}},
		"WikiExtractor": {"<doc id=\"1\" title=\"T\">\nT\n\nOne. Two.\nthree\n\nFour.\n</doc>\n<doc id=\"2\" title=\"U\">\nNot U\n</doc>\nOutside.\n\nAgain.\n",
			Reading{Format: WikiExtractor}, []Document{doc(1, "One.", "Two.", "three", "Four."), doc(9, "Not U"), doc(12, "Outside."), doc(14, "Again.")}},
		"JSON lines": {`{"body": "One. Two\nthree\nFour: \nfive.\n\nsix \u00e9", "text": 1}` + "\n\n" + `{"text": 2, "body": null}` + "\n" + `{"body": ""}` + "\n" + `{"body": "Last\u0000."}`,
			Reading{Format: JSONLines, TextField: "body"}, []Document{doc(1, "One.", "Two three", "Four:", "five.", "six é"), doc(5, "Last\x00.")}},
	} {
		got, _, err := recognizedDocuments(t, c.text, c.reading)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, c.want)
		}
	}
}

// What is no text, or of a doubtful shape, is said in one line with what to do.
func TestFormatsRefuse(t *testing.T) {
	good := `{"text": "One."}` + "\n"
	table := func(separator string) string {
		return corpusOf(20, "\n", func(i int) string { return strings.Join([]string{fmt.Sprint(i), story(i)[0], "x"}, separator) })
	}
	for name, c := range map[string]struct {
		path, text string
		reading    Reading
		want       string
	}{
		"no field":      {"f", good + `{"body": "Two.", "id": 1}` + "\n", Reading{}, `f:2: found no field "text" but "body", "id", expected a JSON object with a text "text" (--text-field)`},
		"other field":   {"f", good, Reading{TextField: "body"}, `f:1: found no field "body" but "text"`},
		"empty object":  {"f", good + "{}\n", Reading{}, "f:2: found an object without fields"},
		"list in field": {"f", good + `{"text": ["a"]}`, Reading{}, `f:2: found a list in field "text"`},
		"number":        {"f", good + `{"text": 5}`, Reading{}, `f:2: found "5" in field "text"`},
		"truncated":     {"f", good + good + `{"text": "Thr`, Reading{}, `f:3: found a truncated JSON object, which ends in "{\"text\": \"Thr"`},
		"broken":        {"f", good + good + `{"text": x}` + "\n" + good, Reading{}, `f:3: found no JSON (invalid character 'x' looking for beginning of value at byte 10 of the line)`},
		"no object":     {"f", good + good + "[1]\n", Reading{}, "f:3: found a list"},
		"a list":        {"f", "[\n{\"text\": \"One.\"},\n{\"text\": \"Two.\"}\n]\n", Reading{}, "f: found a JSON value over several lines, or a list, expected JSON lines, an object a line: convert it (jq -c"},
		"pretty object": {"f", "{\n  \"text\": \"One.\",\n  \"id\": 2\n}\n", Reading{}, "f: found a JSON value over several lines"},
		"half JSON":     {"f", strings.Repeat("A line.\n", 8) + good + good, Reading{}, "f: found text of which 20 % of the lines are JSON objects, expected text, or JSON lines: say which (--corpus-format)"},
		"CSV":           {"f", "id,text,tag\n" + table(","), Reading{}, `f: found a CSV file with the columns "id", "text", "tag", expected text: convert it to JSON lines (python3 -c`},
		"CSV, quoted":   {"f", "id,text\n" + corpusOf(20, "\n", func(i int) string { return fmt.Sprintf("%d,\"One, two\nthree %d\"", i, i) }), Reading{}, `found a CSV file with the columns "id", "text"`},
		"semicolons":    {"f", table(";"), Reading{}, "found a CSV file"},
		"TSV":           {"f", table("\t"), Reading{}, "f: found a TSV file"},
		"by its name":   {"x/f.csv.gz", "text\nOne line.\nAnother.\n", Reading{}, `f.csv.gz: found a CSV file with the columns "text"`},
	} {
		o, err := openedAs(c.path, strings.NewReader(c.text), c.reading)
		if err == nil {
			err = o.documents(t.Context(), c.reading, func(Document) error { return nil })
		}
		if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
	if _, format, err := recognizedDocuments(t, table("\t"), Reading{Format: Prose}); err != nil || format != Prose {
		t.Errorf("a table that was said to be prose: %s, %v", format, err)
	}
	if _, err := ParseFormat("csv"); !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), "expected one of auto, prose") {
		t.Errorf("an unknown format: %v", err)
	}
}

// What is neither one nor the other is decided, and said.
func TestFormatsDoubt(t *testing.T) {
	half := corpusOf(30, "\n\n", func(i int) string {
		lines := story(i)
		for j := range lines {
			if j%2 == 0 {
				lines[j] = strings.TrimSuffix(lines[j], ".")
			}
		}
		return strings.Join(lines, "\n")
	})
	for name, c := range map[string]struct{ text, want string }{
		"half of the lines": {half, "f: 40 % of the lines end like a sentence; read as prose"},
		"titles":            {"= One =\n\n" + corpusOf(30, "\n\n", func(i int) string { return strings.Join(story(i), " ") }), `f: 1 line like "= Title ="; read as prose`},
	} {
		o, err := openedAs("f", strings.NewReader(c.text), Reading{})
		if err != nil || !strings.Contains(o.doubt, c.want) {
			t.Errorf("%s: found %q, error %v, expected %s", name, o.doubt, err, c.want)
		}
	}
}

// Any text is read in some format, with what ReadFile promises, or refused in one line.
func FuzzFormats(f *testing.F) {
	for _, seed := range []string{
		"A one.\nB two.\n\nC.", "= T =\n\nOne.\n", "<doc id=\"1\" title=\"T\">\nT\n</doc>", `{"text": "One.\ntwo"}` + "\n{", "a,b\n1,2\n3,4\n5,6\n7,8\n",
		"[\n{}]", "{\"text\": \"\\ud800\"}", "\u200b\n।।\n", "a\tb\n", "x | y\n",
	} {
		for format := range FormatNames() {
			f.Add(seed, uint8(format))
		}
	}
	f.Fuzz(func(t *testing.T, text string, format uint8) {
		reading := Reading{Format: Format(format % uint8(len(FormatNames())))}
		docs, _, err := recognizedDocuments(t, text, reading)
		if err != nil && (!errors.Is(err, ErrBadData) || strings.ContainsAny(err.Error(), "\r\n")) {
			t.Fatalf("error %q", err)
		}
		for _, d := range docs {
			for _, s := range d.Sentences {
				if strings.Join(strings.Fields(s), " ") != s || !strings.ContainsFunc(s, isWordRune) {
					t.Errorf("sentence %q", s)
				}
			}
		}
	})
}
