package corpus

import (
	"bytes"
	"fmt"
	"strings"
)

// sampled is how much of a text decides about its format.
const sampled = 256 << 10

// recognize returns the format of a text by its first bytes, at most sampled, and a
// doubt, a line for the user, "" where there is none. whole tells whether sample is
// all of it. A DataError refuses what is no text of a known format: tables of values
// between separators, JSON over several lines, text of which some lines are JSON.
func recognize(path string, sample []byte, whole bool) (Format, string, error) {
	lines := sampleLines(sample, whole)
	switch shape, percent := shapeOfJSON(lines, whole); shape {
	case jsonLines, jsonPartial:
		return JSONLines, "", nil
	case jsonValue:
		return Auto, "", badData(path, "a JSON value over several lines, or a list", "JSON lines, an object a line: convert it (jq -c '.[]' of a list, jq -c . of objects)")
	case jsonMixed:
		return Auto, "", badData(path, fmt.Sprintf("text of which %d %% of the lines are JSON objects", percent), "text, or JSON lines: say which (--corpus-format)")
	}
	if looksLikeExtracted(lines, whole) {
		return WikiExtractor, "", nil
	}
	if t := looksLikeTable(path, sample, whole); t != nil {
		columns := ""
		if len(t.columns) > 0 {
			columns = " with the columns " + listed(t.columns)
		}
		delimiter := ""
		if t.name == "TSV" {
			delimiter = `,delimiter="\t"`
		}
		return Auto, "", badData(path, "a "+t.name+" file"+columns,
			fmt.Sprintf(`text: convert it to JSON lines (python3 -c 'import csv,json,sys;csv.field_size_limit(1<<30);[print(json.dumps(r)) for r in csv.DictReader(sys.stdin%s)]' <FILE >FILE.jsonl) and name the column (--text-field), or say that it is text (--corpus-format prose)`, delimiter))
	}
	h := gatherHeadings(lines)
	wiki, titled := h.wikiText()
	if wiki {
		return WikiText, "", nil
	}
	e := gatherLineEvidence(lines)
	yes, doubt := e.sentenceLines()
	switch {
	case titled:
		format := Prose
		if yes {
			format = SentenceLines
		}
		return format, fmt.Sprintf("%s: %s like \"= Title =\"; read as %s, in which they are left out; --corpus-format wikitext lets each begin a document", path, counted(h.titles, "line"), format), nil
	case yes:
		return SentenceLines, "", nil
	case doubt > 0:
		return Prose, fmt.Sprintf("%s: %d %% of the lines end like a sentence; read as prose, whose lines join; --corpus-format sentence-lines takes each line as a sentence", path, doubt), nil
	}
	return Prose, "", nil
}

// sampleLines returns the lines of a sample, trimmed, blank ones as "". The last one
// is left out where it is not whole, unless it is the only one.
func sampleLines(sample []byte, whole bool) []string {
	if end := bytes.LastIndexByte(sample, '\n'); !whole && end >= 0 {
		sample = sample[:end+1]
	}
	var lines []string
	for line := range strings.Lines(string(sample)) {
		if line = strings.TrimSpace(line); isBlank(line) {
			line = ""
		}
		lines = append(lines, line)
	}
	return lines
}

// looksLikeExtracted tells whether the first line is WikiExtractor's <doc ...>, and
// its end or another follows, or may follow behind the sample.
func looksLikeExtracted(lines []string, whole bool) bool {
	first := true
	for _, line := range lines {
		switch {
		case line == "":
			continue
		case first && !isDocTag(line):
			return false
		case !first && (line == docEnd || isDocTag(line)):
			return true
		}
		first = false
	}
	return !first && !whole
}

const docEnd = "</doc>"

// isDocTag reports whether a line opens a document as WikiExtractor does.
func isDocTag(line string) bool {
	return strings.HasPrefix(line, "<doc ") && strings.HasSuffix(line, ">") && strings.Contains(line, `="`)
}
