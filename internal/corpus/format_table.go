package corpus

import (
	"bytes"
	"encoding/csv"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// table is a text of values between separators.
type table struct {
	name    string // "CSV" or "TSV"
	columns []string
}

// Fewer records than these are no table unless the name says so.
const fewRecords = 5

// looksLikeTable tells whether a text is CSV or TSV, nil if not: all records, but one
// in twenty, have as many fields as the first, two at least, and the separators are
// not followed by a space, as in sentences they are. A file whose name ends in .csv or
// .tsv is one in any case. whole tells whether sample is all of the text.
func looksLikeTable(path string, sample []byte, whole bool) *table {
	if !whole {
		sample = sample[:bytes.LastIndexByte(sample, '\n')+1]
	}
	for _, separator := range "\t,;|" {
		records, spaced := parseTable(sample, separator)
		if len(records) < fewRecords || len(records[0]) < 2 || spaced {
			continue
		}
		alike := 0
		for _, r := range records {
			if len(r) == len(records[0]) {
				alike++
			}
		}
		if 20*alike >= 19*len(records) {
			return &table{nameOfTable(separator), records[0]}
		}
	}
	for _, name := range []string{"csv", "tsv"} {
		if !slices.Contains(strings.Split(strings.ToLower(filepath.Base(path)), ".")[1:], name) {
			continue
		}
		separator := ','
		if name == "tsv" {
			separator = '\t'
		}
		t := &table{name: strings.ToUpper(name)}
		if records, _ := parseTable(sample, separator); len(records) > 0 {
			t.columns = records[0]
		}
		return t
	}
	return nil
}

func nameOfTable(separator rune) string {
	if separator == '\t' {
		return "TSV"
	}
	return "CSV"
}

// parseTable splits text at a separator; spaced tells whether a space follows more
// than one in five of them.
func parseTable(text []byte, separator rune) (records [][]string, spaced bool) {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = separator, -1, true
	fields, spaces := 0, 0
	for {
		record, err := r.Read()
		if err == io.EOF {
			return records, 5*spaces > fields
		}
		if err != nil {
			return nil, false
		}
		records = append(records, record)
		for _, field := range record[1:] {
			fields++
			if strings.HasPrefix(field, " ") {
				spaces++
			}
		}
	}
}
