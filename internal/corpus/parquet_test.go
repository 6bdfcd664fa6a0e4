package corpus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// The witness is the library of the field, which writes what is read here.

type textRow struct {
	ID   int64  `parquet:"id"`
	Text string `parquet:"text"`
}

type optionalRow struct {
	Meta struct {
		Title *string `parquet:"title,optional"`
	} `parquet:"meta,optional"`
	Text *string  `parquet:"text,optional"`
	Tags []string `parquet:"tags,list"`
}

// parquetFile writes rows in groups of a few.
func parquetFile[T any](t testing.TB, rows []T, group int, options ...parquet.WriterOption) string {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, options...)
	for part := range slices.Chunk(rows, group) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// rowText is the text of row i: some are long, some repeat, some are empty.
func rowText(i int) string {
	switch {
	case i%11 == 3:
		return ""
	case i%7 == 0:
		return "The same in many rows. Twice."
	}
	return fmt.Sprintf("Row %d begins here. ", i) + strings.Repeat("It goes on for a while. ", i%40)
}

// readTexts returns the documents of a Parquet file, row -> sentences.
func readTexts(t testing.TB, file string, reading Reading) (map[int][]string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.parquet")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[int][]string{}
	err := ReadFile(t.Context(), path, reading, func(d Document) error {
		got[d.Line] = d.Sentences
		return nil
	})
	if err != nil && (!errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("error %q is not one line of bad data", err)
	}
	return got, err
}

func TestParquetReadsWhatTheLibraryWrites(t *testing.T) {
	const rows = 500
	var plain []textRow
	var optional []optionalRow
	want, wantOptional, wantTitle := map[int][]string{}, map[int][]string{}, map[int][]string{}
	for i := range rows {
		text, title := rowText(i), fmt.Sprintf("Title %d", i)
		plain = append(plain, textRow{int64(i), text})
		if text != "" {
			want[i+1] = valueSentences(text)
		}
		row := optionalRow{Tags: []string{"a", "b"}}
		if i%5 != 0 {
			row.Text = &text
			if text != "" {
				wantOptional[i+1] = valueSentences(text)
			}
		}
		if i%3 != 0 {
			row.Meta.Title = &title
			wantTitle[i+1] = []string{title}
		}
		optional = append(optional, row)
	}
	check := func(name, file string, reading Reading, want map[int][]string) {
		t.Helper()
		if got, err := readTexts(t, file, reading); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d documents, error %v, expected %d", name, len(got), err, len(want))
		}
	}
	codecs := map[string]compress.Codec{"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd, "lz4": &parquet.Lz4Raw}
	for name, codec := range codecs {
		for _, version := range []int{1, 2} {
			o := []parquet.WriterOption{parquet.Compression(codec), parquet.DataPageVersion(version), parquet.PageBufferSize(2000)}
			name := fmt.Sprintf("%s, pages of form %d", name, version)
			check(name, parquetFile(t, plain, 120, o...), Reading{}, want)
			check(name+", optional", parquetFile(t, optional, 120, o...), Reading{}, wantOptional)
			check(name+", inside", parquetFile(t, optional, 120, o...), Reading{TextField: "meta.title"}, wantTitle)
		}
	}
	type dictionaryRow struct {
		Text string `parquet:"text,dict"`
	}
	type deltaRow struct {
		Text string `parquet:"text,delta"`
	}
	var dictionary []dictionaryRow
	var delta []deltaRow
	for _, r := range plain {
		dictionary, delta = append(dictionary, dictionaryRow{r.Text}), append(delta, deltaRow{r.Text})
	}
	for _, version := range []int{1, 2} {
		o := []parquet.WriterOption{parquet.DataPageVersion(version), parquet.Compression(&parquet.Zstd)}
		check("dictionary", parquetFile(t, dictionary, 200, o...), Reading{}, want)
		check("delta", parquetFile(t, delta, 200, o...), Reading{}, want)
		same := slices.Repeat([]dictionaryRow{{"One text. In all rows."}}, 40)
		file := parquetFile(t, same, 40, o...)
		if got, err := readTexts(t, file, Reading{Format: Parquet}); err != nil || len(got) != 40 {
			t.Errorf("one text in a dictionary: %d documents, error %v", len(got), err)
		}
	}
	for name, encoding := range map[string]parquet.Node{
		"delta lengths": parquet.Encoded(parquet.String(), &parquet.DeltaLengthByteArray),
		"delta texts":   parquet.Encoded(parquet.String(), &parquet.DeltaByteArray),
	} {
		schema := parquet.NewSchema("row", parquet.Group{"id": parquet.Int(64), "text": encoding})
		check(name, parquetFile(t, plain, 170, schema), Reading{}, want)
	}
}

// What is wrong with a file is said in one line that names the file and, where rows
// have been read, the row.
func TestParquetRefuses(t *testing.T) {
	var rows []textRow
	for i := range 300 {
		rows = append(rows, textRow{int64(i), rowText(i)})
	}
	file := parquetFile(t, rows, 100, parquet.Compression(&parquet.Zstd), parquet.PageBufferSize(1500))
	flipped := func(at int) string { return file[:at] + string(file[at]^0x55) + file[at+1:] }
	raw, err := readFooter(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := readChunks(raw, 1)
	if err != nil {
		t.Fatal(err)
	}
	footer := int(binary.LittleEndian.Uint32([]byte(file[len(file)-8:])))
	withFooter := func(footer string) string {
		return "PAR1" + strings.Repeat("\x00", 20) + footer + string(binary.LittleEndian.AppendUint32(nil, uint32(len(footer)))) + "PAR1"
	}
	for name, c := range map[string]struct {
		file    string
		reading Reading
		want    string
	}{
		"truncated":       {file[:len(file)/2], Reading{}, "f.parquet: found no whole Parquet file (it is truncated: there is no footer at its end)"},
		"only a head":     {"PAR1\x15", Reading{}, "no whole Parquet file (it ends too early)"},
		"footer too long": {file[:len(file)-8] + "\xff\xff\xff\x03PAR1", Reading{}, "its footer has 67108863 bytes, more than the file"},
		"huge footer":     {file[:len(file)-8] + "\xff\xff\xff\xffPAR1", Reading{}, "its footer has 4294967295 bytes, more than 67108864"},
		"encrypted":       {file[:len(file)-4] + "PARE", Reading{}, "it is encrypted"},
		"no column":       {file, Reading{TextField: "body"}, `f.parquet: found no column "body" but, of text, "text", expected a column "body" of text (--text-field)`},
		"numbers":         {file, Reading{TextField: "id"}, `found no text in column "id"`},
		"damaged page":    {flipped(int(chunks[1].data) + 1), Reading{}, `f.parquet:101: found column "text", which cannot be read on in row group 1`},
		"another format":  {file, Reading{Format: Prose}, "found a Parquet file, expected text in the format prose"},
		"lists": {parquetFile(t, []optionalRow{{Tags: []string{"a"}}}, 1), Reading{TextField: "tags"},
			`found lists or structures in column "tags"`},
		"in a list": {parquetFile(t, []optionalRow{{Tags: []string{"a"}}}, 1), Reading{TextField: "tags.list.element"}, "found no text in column"},
		"not UTF-8": {parquetFile(t, []textRow{{1, "One."}, {2, "\xff\xfe"}}, 2), Reading{}, `f.parquet:2: found invalid UTF-8 in column "text"`},
		"Brotli": {parquetFile(t, rows, 100, parquet.Compression(&parquet.Brotli)), Reading{},
			`f.parquet:1: found column "text", which cannot be read on in row group 0 (pages packed with Brotli, which is not read: write the file with Zstandard)`},
		"no rows":       {parquetFile(t, []textRow{}, 1), Reading{}, "found no sentence"},
		"deep schema":   {withFooter(deepSchema(5000)), Reading{}, "a schema nested more than 64 deep"},
		"deep thrift":   {withFooter(strings.Repeat("\x1c", 1000)), Reading{}, "structures nested more than 24 deep"},
		"a long list":   {withFooter("\x29\xfc\xff\xff\xff\xff\x07"), Reading{}, "it ends too early"},
		"no schema":     {withFooter("\x00"), Reading{}, "a footer without a schema"},
		"footer's rows": {file[:len(file)-8-footer/2] + strings.Repeat("\x00", footer/2) + file[len(file)-8:], Reading{}, "f.parquet"},
	} {
		if _, err := readTexts(t, c.file, c.reading); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, c.want)
		}
	}
	if _, err := readTexts(t, "Plain text.", Reading{Format: Parquet}); err == nil || !strings.Contains(err.Error(), "no Parquet file") {
		t.Errorf("text as Parquet: %v", err)
	}
}

// deepSchema is a footer whose schema is a chain.
func deepSchema(depth int) string {
	out := []byte("\x15\x02\x19\xfc")
	out = binary.AppendUvarint(out, uint64(depth))
	for range depth {
		out = append(out, "\x48\x01a\x15\x02\x00"...) // name "a", one child
	}
	return string(append(out, 0))
}

// What pages state is not believed: memory is filled only by data that is there, and
// not beyond what the header says.
func TestParquetBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	for name, codec := range map[int64]string{codecGzip: gzipped(t, zeros), codecZstd: zstandard(t, zeros)} {
		u := &unpacker{codec: name}
		defer u.close()
		if out, err := u.unpack([]byte(codec), 1000); err == nil || !strings.Contains(err.Error(), "more bytes than its header says") {
			t.Errorf("codec %d: unpacked %d bytes, error %v", name, len(out), err)
		}
		if out, err := u.unpack([]byte(codec), 1<<20); err != nil || string(out) != zeros {
			t.Errorf("codec %d, afterwards: error %v", name, err)
		}
		if _, err := u.unpack([]byte(codec), 1<<21); err == nil {
			t.Errorf("codec %d: too few bytes are taken", name)
		}
	}
	for name, c := range map[string]struct {
		codec int64
		body  string
	}{"snappy": {codecSnappy, "\xff\xff\xff\xff\x0f\x00"}, "lz4": {codecLZ4Raw, "\x1f\x00\x01\x00\xff\xff\xff\xff\xff\xff"}, "none": {codecNone, "abc"}} {
		if _, err := (&unpacker{codec: c.codec}).unpack([]byte(c.body), 100); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// A run of two thousand million numbers costs nothing until they are asked for.
	run := hybrid{data: []byte("\xfe\xff\xff\xff\x0f\x01"), width: 1}
	if v, err := run.next(); v != 1 || err != nil {
		t.Errorf("found %d, %v", v, err)
	}
	header := "\x15\x00\x15\xfe\xff\xff\xff\x0f\x15\x02\x00"
	if _, _, err := readHeader([]byte(header)); err == nil || !strings.Contains(err.Error(), "bytes, expected 0 to 1073741824") {
		t.Errorf("a page of two GiB: error %v", err)
	}
	type dictionaryRow struct {
		Text string `parquet:"text,dict"`
	}
	file := parquetFile(t, slices.Repeat([]dictionaryRow{{strings.Repeat("word ", 2000)}}, 1000), 1000, parquet.Compression(&parquet.Zstd))
	in := &input{path: "bomb", size: int64(len(file))}
	given := 0
	s := &documentSplitter{yield: func(d rawDocument) error { given += len(d.text); return nil }}
	p := &parquetReader{in: in, r: strings.NewReader(file), docs: s, limit: 1 << 20}
	footer, err := readFooter(p.r, in.size)
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := readChunks(footer, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.chunk(t.Context(), &chunks[0]); err == nil || !strings.Contains(err.Error(), "1000 times as much text as the file has bytes") || given > 1<<20 {
		t.Errorf("a bomb of a dictionary: %d bytes given, error %v", given, err)
	}
}

// Any bytes are read or refused in one line.
func FuzzParquet(f *testing.F) {
	rows := []textRow{{1, "One text. It has two sentences."}, {2, ""}, {3, "Another."}}
	text := "Optional."
	for _, seed := range []string{
		"PAR1", parquetFile(f, rows, 2), parquetFile(f, rows, 3, parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1)),
		parquetFile(f, []optionalRow{{Text: &text}, {}}, 2, parquet.Compression(&parquet.Zstd)),
		parquetFile(f, rows, 3, parquet.NewSchema("row", parquet.Group{"id": parquet.Int(64), "text": parquet.Encoded(parquet.String(), &parquet.DeltaByteArray)})),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &input{path: "f", size: int64(len(data))}
		row := 0
		s := &documentSplitter{yield: func(d rawDocument) error {
			if d.line <= row {
				t.Errorf("row %d behind row %d", d.line, row)
			}
			row = d.line
			return nil
		}}
		err := readParquet(t.Context(), in, bytes.NewReader(data), "text", s)
		if err != nil && (!errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("error %q is not one line of bad data", err)
		}
	})
}
