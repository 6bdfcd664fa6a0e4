package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// file puts a header text before n bytes of data.
func file(text string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return append(append(b, text...), make([]byte, n)...)
}

// malformed are headers over a number of data bytes, with the whole message
// that each must give after the file name.
var malformed = []struct {
	name, text string
	data       int
	want       string
}{
	{"empty header", ``, 0, `header byte 0: found "", expected an opening brace`},
	{"leading space", ` {}`, 0, `header byte 0: found " {}", expected an opening brace`},
	{"array", `[]`, 0, `header byte 0: found "[]", expected an opening brace`},
	{"cut", `{"a":`, 0, `header: found malformed JSON, expected one JSON object padded with spaces`},
	{"two objects", `{}{}`, 0, `header: found malformed JSON, expected one JSON object padded with spaces`},
	{"padded by newline", "{}\n", 0, `header: found malformed JSON, expected one JSON object padded with spaces`},
	{"not UTF-8", "{\"\xff\":1}", 0, `header: found bytes that are not UTF-8, expected JSON text`},
	{"not an object", `{"a":7}`, 0, `tensor "a": found number "7", expected an object`},
	{"null", `{"a":null}`, 0, `tensor "a": found null, expected an object`},
	{"empty name", `{"":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `tensor "": found an empty name, expected a name`},
	{"same name twice", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2,
		`tensor "a": found a second header key of that name, expected each name once`},
	{"same name escaped", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2,
		`tensor "a": found a second header key of that name, expected each name once`},
	{"metadata twice", `{"__metadata__":{},"__metadata__":{}}`, 0, `tensor "__metadata__": found a second header key of that name, expected each name once`},
	{"metadata key twice", `{"__metadata__":{"k":"1","k":"2"}}`, 0, `__metadata__: found two keys "k", expected each key once`},
	{"metadata number", `{"__metadata__":{"k":1}}`, 0, `__metadata__ "k": found number "1", expected a string`},
	{"metadata text", `{"__metadata__":"x"}`, 0, `__metadata__: found string "x", expected an object`},
	{"field twice", `{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `tensor "a": found two fields "dtype", expected each field once`},
	{"field unknown", `{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}`, 1, `tensor "a": found field "x", expected dtype, shape and data_offsets only`},
	{"field in another case", `{"a":{"DType":"U8","shape":[],"data_offsets":[0,1]}}`, 1, `tensor "a": found field "DType", expected dtype, shape and data_offsets only`},
	{"no dtype", `{"a":{"shape":[],"data_offsets":[0,1]}}`, 1, `tensor "a": found no dtype, expected dtype, shape and data_offsets`},
	{"no shape", `{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1, `tensor "a": found no shape, expected dtype, shape and data_offsets`},
	{"no offsets", `{"a":{"dtype":"U8","shape":[]}}`, 1, `tensor "a": found no data_offsets, expected dtype, shape and data_offsets`},
	{"unknown dtype", `{"a":{"dtype":"F7","shape":[1],"data_offsets":[0,1]}}`, 1,
		`tensor "a": found dtype "F7", expected one of BOOL U8 I8 U16 I16 F16 BF16 U32 I32 F32 U64 I64 F64`},
	{"dtype number", `{"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}}`, 1, `tensor "a": found number "1", expected dtype as a string`},
	{"negative shape", `{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1, `tensor "a": found shape with number "-1", expected whole numbers from 0 to 2^63-1`},
	{"negative zero", `{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}`, 0, `tensor "a": found shape with number "-0", expected whole numbers from 0 to 2^63-1`},
	{"fractional shape", `{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1, `tensor "a": found shape with number "1.0", expected whole numbers from 0 to 2^63-1`},
	{"exponent shape", `{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1, `tensor "a": found shape with number "1e0", expected whole numbers from 0 to 2^63-1`},
	{"text in shape", `{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}`, 1, `tensor "a": found shape with string "1", expected whole numbers from 0 to 2^63-1`},
	{"nested shape", `{"a":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}}`, 1, `tensor "a": found shape with an array, expected whole numbers from 0 to 2^63-1`},
	{"long shape", `{"a":{"dtype":"U8","shape":[` + strings.Repeat("1,", 64) + `1],"data_offsets":[0,1]}}`, 1, `tensor "a": found shape of more than 64 numbers, expected fewer`},
	{"shape no array", `{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}`, 1, `tensor "a": found number "1", expected shape as an array`},
	{"extent over 63 bits", `{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}`, 1,
		`tensor "a": found shape with number "9223372036854775808", expected whole numbers from 0 to 2^63-1`},
	{"product wraps to 1", `{"a":{"dtype":"U8","shape":[274177,67280421310721],"data_offsets":[0,1]}}`, 1,
		`tensor "a": found shape [274177 67280421310721] of U8, expected a product below 2^63 bytes`},
	{"product wraps to 0", `{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0,
		`tensor "a": found shape [4294967296 4294967296] of F32, expected a product below 2^63 bytes`},
	{"shape below data", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}`, 8, `tensor "a": found 8 bytes of data, expected 4 for shape [1] of F32`},
	{"shape above data", `{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8, `tensor "a": found 8 bytes of data, expected 12 for shape [3] of F32`},
	{"one offset", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 1, `tensor "a": found 1 data_offsets, expected 2`},
	{"three offsets", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 1, `tensor "a": found 3 data_offsets, expected 2`},
	{"negative offset", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, 1, `tensor "a": found data_offsets with number "-1", expected whole numbers from 0 to 2^63-1`},
	{"offsets reversed", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1, `tensor "a": found data offsets [1, 0], expected an end not before the start`},
	{"offset beyond data", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 1, `tensor "a": found data offsets [0, 2], expected an end within the 1 bytes of data`},
	{"offset beyond all", `{"a":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}`, 1,
		`tensor "a": found data offsets [0, 9223372036854775807], expected an end within the 1 bytes of data`},
	{"gap at the start", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2, `tensor "a": found data offsets [1, 2], a gap before it, expected a start at 0`},
	{"gap between", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3,
		`tensor "b": found data offsets [2, 3], a gap before it, expected a start at 1`},
	{"overlap", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3,
		`tensor "b": found data offsets [1, 3], an overlap with another tensor, expected a start at 2`},
	{"same data twice", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2,
		`tensor "b": found data offsets [0, 2], an overlap with another tensor, expected a start at 2`},
	{"trailing data", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2, `data: found 2 bytes, expected the 1 that the header describes`},
	{"data without tensors", `{}`, 1, `data: found 1 bytes, expected the 0 that the header describes`},
}

func TestMalformedHeaders(t *testing.T) {
	for _, c := range malformed {
		_, err := read(file(c.text, c.data))
		if want := "x.safetensors: " + c.want; !errors.Is(err, checkpoint.ErrCorrupt) || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, want)
		}
	}
}

// Odd, but as the format allows: the check above must not be too keen.
func TestUnusualHeadersAreRead(t *testing.T) {
	for name, data := range map[string][]byte{
		"no tensor":        file(`{}`, 0),
		"64 extents":       file(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 63)+`3],"data_offsets":[0,3]}}`, 3),
		"no header pad":    file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, 3),
		"padded":           file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}     `, 3),
		"spaces within":    file("{ \"a\" :\n{\"shape\":[3], \"data_offsets\":[0,3],\"dtype\":\"U8\"} }", 3),
		"out of order":     file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 2),
		"empty in between": file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"e":{"dtype":"F64","shape":[0,9],"data_offsets":[1,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 2),
	} {
		if _, err := read(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeaderLengthIsBounded(t *testing.T) {
	for _, length := range []uint64{3, 99, 100_000_001, 1 << 62, math.MaxInt64, math.MaxUint64 - 7, math.MaxUint64} {
		data := append(binary.LittleEndian.AppendUint64(nil, length), '{', '}')
		if _, err := read(data); !errors.Is(err, checkpoint.ErrCorrupt) || !strings.HasSuffix(err.Error(), "expected at most 2") {
			t.Errorf("header length %d: got %v", length, err)
		}
	}
	// A huge file that claims a huge header: the limit counts, not the size.
	src := bytes.NewReader(binary.LittleEndian.AppendUint64(nil, 1<<40))
	if _, err := checkpoint.NewReader(src, 1<<50, "x", checkpoint.Limits{}); !errors.Is(err, checkpoint.ErrCorrupt) || !strings.HasSuffix(err.Error(), "expected at most 100000000") {
		t.Errorf("header of 2^40 bytes: got %v", err)
	}
	small := encode(t, sample())
	for _, limits := range []checkpoint.Limits{{HeaderBytes: 10}, {FileBytes: int64(len(small)) - 1}} {
		if _, err := checkpoint.NewReader(bytes.NewReader(small), int64(len(small)), "x", limits); !errors.Is(err, checkpoint.ErrCorrupt) {
			t.Errorf("limits %+v: got %v, want ErrCorrupt", limits, err)
		}
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := checkpoint.Open(dir, checkpoint.Limits{}); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("a folder: got %v, want ErrCorrupt", err)
	}
	if _, err := checkpoint.Open(filepath.Join(dir, "none"), checkpoint.Limits{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v, want ErrNotExist", err)
	}
}

// Whatever the bytes: no panic, no allocation beyond the input, errors are one
// line and wrap ErrCorrupt, and what is accepted survives a round trip.
func FuzzReadSafetensors(f *testing.F) {
	for _, c := range malformed {
		f.Add(file(c.text, c.data))
	}
	small := sample()
	small.Tensors = small.Tensors[:10]
	f.Add(encode(f, small))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := read(data)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrCorrupt) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("error %q: want one line that wraps ErrCorrupt", err)
			}
			return
		}
		whole := &checkpoint.File{Metadata: r.Metadata()}
		var total int
		for _, info := range r.Tensors() {
			tensor, err := r.Read(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			total += len(tensor.Data)
			whole.Tensors = append(whole.Tensors, tensor)
		}
		if want := len(data) - 8 - int(binary.LittleEndian.Uint64(data)); total != want {
			t.Fatalf("tensors have %d bytes, the data section %d", total, want)
		}
		again, err := read(encode(t, whole))
		if err != nil {
			t.Fatalf("what was written back: %v", err)
		}
		for _, tensor := range whole.Tensors {
			back, err := again.Read(tensor.Name)
			if err != nil || !bytes.Equal(back.Data, tensor.Data) {
				t.Fatalf("%q: not the same after a round trip (%v)", tensor.Name, err)
			}
		}
	})
}
