package corpus

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Spark packs the values of a page of the second form in no byte where all are null. No
// codec unpacks that, and none need.
func TestParquetPageOfNulls(t *testing.T) {
	for _, codec := range []int64{codecNone, codecSnappy, codecGzip, codecZstd, codecLZ4Raw} {
		for _, encoding := range []int64{encodingPlain, encodingDictionary, encodingDeltaLength, encodingDeltaText} {
			p := &parquetReader{in: &input{path: "f"}, column: parquetColumn{maxLevel: 1}}
			h := pageHeader{kind: dataPage2, values: 3, nulls: 3, unpacked: 2, packed: 2, presence: 2, packedValues: true, encoding: encoding}
			u := &unpacker{codec: codec}
			if err := p.page(u, &h, []byte("\x06\x00"), nil); err != nil || p.row != 3 { // a run of three zeros
				t.Errorf("codec %d, encoding %d: found %d rows and error %v, expected 3", codec, encoding, p.row, err)
			}
			h.unpacked = 7 // five bytes, which are not there
			if err := p.page(u, &h, []byte("\x06\x00"), nil); err == nil {
				t.Errorf("codec %d, encoding %d: no error where values are missing", codec, encoding)
			}
			u.close()
		}
	}
}

// A page may have a thousand books; a small one may not become large.
func TestParquetPageSizes(t *testing.T) {
	for _, c := range []struct {
		unpacked, packed, values int64
		want                     string // "": it is read
	}{
		{700 << 20, 300 << 20, 1000, ""},
		{128 << 20, 1 << 10, 1000, ""},
		{700 << 20, 3 << 20, 1000, "it is a bomb"},
		{2 << 30, 1 << 30, 1000, "bytes, expected 0 to 1073741824"},
		{700, 300, 1 << 28, "values, expected 0 to 134217728"},
	} {
		number := func(out []byte, n int64) []byte { return binary.AppendUvarint(append(out, 0x15), uint64(2*n)) }
		header := number(number(number(nil, dataPage), c.unpacked), c.packed)
		header = append(number(append(header, 0x2c), c.values), 0, 0) // field 5, in it field 1
		h, n, err := readHeader(header)
		switch {
		case c.want == "" && (err != nil || n != len(header) || h.unpacked != c.unpacked || h.values != c.values):
			t.Errorf("found %+v, %d bytes and error %v, expected %+v", h, n, err, c)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%+v: found error %v, expected %q", c, err, c.want)
		}
	}
	many := binary.AppendUvarint([]byte("\x80\x01\x04"), 1<<25) // a list of so many zeros in few bytes
	if _, _, err := deltas(append(many, make([]byte, 100)...), 1<<26); err == nil || !strings.Contains(err.Error(), "a packed list of 33554432") {
		t.Errorf("a packed list of 2^25: error %v", err)
	}
}

// A long name may stand above any number of columns: it is not repeated for each.
func TestParquetLongNames(t *testing.T) {
	const columns = 2000
	long := strings.Repeat("n", 100_000)
	footer := binary.AppendUvarint([]byte("\x15\x02\x19\xfc"), columns+2)
	footer = append(footer, "\x48\x01r\x15\x02\x00"...) // the root, one child
	footer = append(binary.AppendUvarint(append(footer, 0x48), uint64(len(long))), long...)
	footer = append(binary.AppendUvarint(append(footer, 0x15), 2*columns), 0)
	for range columns {
		footer = append(footer, "\x15\x0c\x38\x01c\x00"...) // of bytes, "c"
	}
	nodes, err := readSchema(append(footer, 0))
	if err != nil || len(nodes) != columns+2 {
		t.Fatalf("found %d nodes and error %v", len(nodes), err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = findColumn(nodes, "text")
	runtime.ReadMemStats(&after)
	if want := fmt.Sprintf(", %d more", columns-mostListed); err == nil || !strings.HasSuffix(err.Error(), want) || len(err.Error()) > 1000 {
		t.Errorf("found %.200v, expected a short line that ends in %q", err, want)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("found %d bytes of memory taken for %d columns, expected few", got, columns)
	}
	if c, err := findColumn(nodes, long+".c"); err != nil || c.number != columns-1 {
		t.Errorf("found %+v and error %v, expected the last column of that name", c, err)
	}
	for path, name := range map[string]bool{"a.b": true, "a": false, "ab": false, "a.": false, ".b": false, "a.b.c": false, "": false} {
		if got := isPath([]string{"a", "b"}, path); got != name {
			t.Errorf("isPath of %q: found %v, expected %v", path, got, name)
		}
	}
	if !isPath([]string{"a.b", "c"}, "a.b.c") {
		t.Error("a name with a dot is not found")
	}
}
