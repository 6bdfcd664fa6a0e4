package fileformat

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

const text = "Some text.\n"

// pack writes text through a compressor.
func pack(t testing.TB, text string, open func(io.Writer) (io.WriteCloser, error)) string {
	t.Helper()
	var out bytes.Buffer
	w, err := open(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func gz(t testing.TB, text string) string {
	return pack(t, text, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func zst(t testing.TB, text string, o ...zstd.EOption) string {
	return pack(t, text, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w, o...) })
}

func xzed(t testing.TB, text string) string {
	return pack(t, text, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
}

func unhex(t testing.TB, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	bz2     = "425a68393141592653599f47346f000001d38000104001080002028440200031064c410683d22c2f903678bb9229c28484fa39a378"               // text, as bzip2 packed it: Go's library only unpacks
	largeXZ = "fd377a585a000004e6d6b44602002101250000003b787b41010000780000000045aeef83f8ee160a00011901a52c81cc1fb6f37d010000000004595a" // with a dictionary of 1536 MiB
)

// zipWith is an archive with one file.
func zipWith(t testing.TB, name string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func tarWith(t testing.TB, format tar.Format) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{Name: "a.txt", Mode: 0o644, Size: int64(len(text)), Format: format})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// skippable is a Zstandard frame without content, as pzstd begins with.
const skippable = "\x50\x2a\x4d\x18\x04\x00\x00\x00\x01\x02\x03\x04"

func TestReadsThroughCompression(t *testing.T) {
	b := unhex(t, bz2)
	for name, c := range map[string]struct {
		file, want string
		by         Format
	}{
		"plain":              {text, text, Unknown},
		"empty":              {"", "", Unknown},
		"byte order mark":    {bom + text, text, Unknown},
		"mark in gzip":       {gz(t, bom+text), text, Gzip},
		"gzip":               {gz(t, text), text, Gzip},
		"gzip, members":      {gz(t, text) + gz(t, "") + gz(t, text), text + text, Gzip},
		"gzip, zeros behind": {gz(t, text) + strings.Repeat("\x00", 3000), text, Gzip},
		"gzip, zeros within": {gz(t, text) + "\x00\x00" + gz(t, text), text + text, Gzip},
		"zstd":               {zst(t, text), text, Zstandard},
		"zstd, frames":       {zst(t, text) + skippable + zst(t, text), text + text, Zstandard},
		"pzstd":              {skippable + zst(t, text), text, Zstandard},
		"zstd, large window": {zst(t, text, zstd.WithWindowSize(MaxWindow), zstd.WithSingleSegment(false)), text, Zstandard},
		"bzip2":              {b, text, Bzip2},
		"bzip2, streams":     {b + b, text + text, Bzip2},
		"xz":                 {xzed(t, text), text, XZ},
		"xz, streams":        {xzed(t, text) + "\x00\x00\x00\x00" + xzed(t, text), text + text, XZ},
		"like parquet":       {"PARENTS\n", "PARENTS\n", Unknown},
		"like bzip2":         {"BZh9 is a magic number.\n", "BZh9 is a magic number.\n", Unknown},
		"like a pointer":     {"version https://example.org\n", "version https://example.org\n", Unknown},
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path, "text")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := io.ReadAll(f)
		if err != nil || string(got) != c.want || f.Compression != c.by || f.Content != Unknown || f.Close() != nil {
			t.Errorf("%s: found %q by %v, error %v, expected %q by %v", name, got, f.Compression, err, c.want, c.by)
		}
		if data, err := ReadFile(path, "text", int64(len(c.want))); err != nil || string(data) != c.want {
			t.Errorf("%s: ReadFile found %q, error %v", name, data, err)
		}
		if c.want != "" {
			if _, err := ReadFile(path, "text", int64(len(c.want))-1); err == nil || !strings.Contains(err.Error(), "more than") {
				t.Errorf("%s: one byte above the limit gives %v", name, err)
			}
		}
	}
}

// Each is refused in one line by its name, with what to do.
func TestRefusesByName(t *testing.T) {
	utf16 := func(s string) string {
		var out []byte
		for _, b := range []byte(s) {
			out = append(out, b, 0)
		}
		return string(out)
	}
	safetensors := "\x20\x00\x00\x00\x00\x00\x00\x00{\"a\":1}" + strings.Repeat(" ", 40)
	for name, c := range map[string]struct{ file, want string }{
		"zip":                 {zipWith(t, "a.txt"), "found a zip archive, expected text: unpack it (unzip)"},
		"torch":               {zipWith(t, "pytorch_model/data.pkl"), "found PyTorch weights"},
		"npz":                 {zipWith(t, "arr_0.npy"), "found NumPy arrays"},
		"docx":                {zipWith(t, "[Content_Types].xml"), "found an office document"},
		"empty zip":           {"PK\x05\x06" + strings.Repeat("\x00", 18), "found a zip archive"},
		"tar":                 {tarWith(t, tar.FormatUSTAR), "found a tar archive, expected text: unpack it (tar -xf)"},
		"GNU tar":             {tarWith(t, tar.FormatGNU), "found a tar archive"},
		"tar.gz":              {gz(t, tarWith(t, tar.FormatPAX)), "found a tar archive inside gzip data, expected text: unpack it (tar -xf)"},
		"gzip twice":          {gz(t, gz(t, text)), "found gzip data inside gzip data, expected text: decompress it once more"},
		"7z":                  {"7z\xbc\xaf\x27\x1c\x00\x04", "found a 7z archive"},
		"rar":                 {"Rar!\x1a\x07\x01\x00", "found a RAR archive"},
		"lz4":                 {"\x04\x22\x4d\x18\x64", "found LZ4 data"},
		"lzma":                {"\x5d\x00\x00\x80\x00" + strings.Repeat("\xff", 8) + "\x00", "found LZMA data"},
		"compress":            {"\x1f\x9d\x90", "found data of compress"},
		"Git LFS":             {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "found a Git LFS pointer, which stands for a file that was not downloaded, expected text: fetch the file (git lfs pull)"},
		"HTML":                {" \n<!DOCTYPE HTML>\n<p>", "found an HTML page"},
		"XHTML":               {`<?xml version="1.0"?><html xmlns="x">`, "found an HTML page"},
		"dump":                {`<mediawiki xmlns="x">`, "found a MediaWiki XML dump, expected text: extract its text"},
		"XML":                 {bom + `<?xml version="1.0"?><a/>`, "found an XML file"},
		"pickle":              {"\x80\x04\x95", "found a Python pickle, which runs code"},
		"old torch":           {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", "found PyTorch weights (a pickle"},
		"UTF-16":              {"\xff\xfea\x00", "found text in UTF-16, expected text: convert it (iconv"},
		"UTF-16 without mark": {utf16("Some text here.\r\n"), "found text in UTF-16"},
		"UTF-32":              {"\xff\xfe\x00\x00a\x00\x00\x00", "found text in UTF-32"},
		"Parquet":             {"PAR1\x15\x00", "found a Parquet file"},
		"Parquet in gzip":     {gz(t, "PAR1\x15\x00"), "found a Parquet file inside gzip data"},
		"Arrow":               {"ARROW1\x00\x00", "found an Arrow file"},
		"Arrow stream":        {"\xff\xff\xff\xff\x10\x01\x00\x00", "found an Arrow file"},
		"ORC":                 {"ORC\x0a", "found an ORC file"},
		"Avro":                {"Obj\x01", "found an Avro file"},
		"HDF5":                {"\x89HDF\r\n\x1a\n", "found an HDF5 file"},
		"NumPy":               {"\x93NUMPY\x01", "found a NumPy array"},
		"SQLite":              {"SQLite format 3\x00", "found an SQLite database"},
		"GGUF":                {"GGUF\x03\x00\x00\x00", "found GGUF weights"},
		"PDF":                 {"%PDF-1.7\n", "found a PDF document"},
		"picture":             {"\x89PNG\r\n\x1a\n", "found a picture, expected text"},
		"program":             {"\x7fELF\x02", "found a program"},
		"safetensors":         {safetensors, "found safetensors weights, expected text: they are what --init-from"},
		"shard":               {"SBGSHARD\x01", "found a token shard, expected text: name the folder"},
		"zstd window":         {"\x28\xb5\x2f\xfd\x00\xa8" + "\x01\x00\x00", "found Zstandard data with a window of more than the limit of 512 MiB, expected a smaller one: decompress it first"},
		"xz dictionary":       {unhex(t, largeXZ), "found xz data with a window of more than the limit of 512 MiB"},
		"cut gzip":            {gz(t, text)[:20], "found truncated gzip data, expected a whole gzip stream"},
		"gzip and junk":       {gz(t, text) + "junk", "found corrupt gzip data"},
		"zeros and junk":      {gz(t, text) + "\x00\x00junk", "found corrupt gzip data"},
		"cut bzip2":           {unhex(t, bz2)[:30], "found truncated bzip2 data"},
		"cut xz":              {xzed(t, text)[:30], "found truncated xz data"},
		"cut zstd":            {zst(t, text)[:10], "found truncated Zstandard data"},
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		data, err := ReadFile(path, "text", 1<<20)
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.HasPrefix(err.Error(), path+": "+c.want) || strings.Contains(err.Error(), "\n") || e.Path != path {
			t.Errorf("%s:\n got %v (%q)\nwant %s", name, err, data, c.want)
		}
	}
}

func TestAcceptsWhatIsAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	const file = "PAR1\x15\x00"
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, "text", Parquet)
	if err != nil || f.Content != Parquet {
		t.Fatalf("found error %v", err)
	}
	if data, err := io.ReadAll(f); err != nil || string(data) != file || f.Close() != nil {
		t.Errorf("found %q, error %v", data, err)
	}
	if err := CheckFile(path, "weights", Parquet); err != nil {
		t.Error(err)
	}
	if err := CheckFile(path, "weights", Safetensors); err == nil || err.Error() != path+": found a Parquet file, expected weights: "+Parquet.Remedy() {
		t.Errorf("found %v", err)
	}
	for name, want := range map[string]string{"none": "nothing there", ".": "a folder"} {
		if _, err := Open(filepath.Join(filepath.Dir(path), name), "text"); err == nil || !strings.Contains(err.Error(), "found "+want+", expected text") {
			t.Errorf("%s: found %v", name, err)
		}
	}
}

// Any bytes are read or refused in one line; what is of a known format is never
// handed over as text.
func FuzzOpen(f *testing.F) {
	for _, seed := range []string{
		"", text, bom, gz(f, text), gz(f, text) + "\x00\x00", zst(f, text), skippable, unhex(f, bz2), xzed(f, text), unhex(f, largeXZ),
		zipWith(f, "a"), tarWith(f, tar.FormatUSTAR), "PAR1\x15", "PK\x03\x04", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := NewReader("f", "text", bytes.NewReader(data))
		if err == nil {
			if Sniff(file.Head) != Unknown && file.Skipped == 0 {
				t.Errorf("%s handed over as text", Sniff(file.Head))
			}
			_, err = io.Copy(io.Discard, io.LimitReader(file, 1<<20))
			_ = file.Close()
		}
		if _, ok := errors.AsType[*Error](err); err != nil && !ok {
			t.Errorf("error %v is no *Error", err)
		}
	})
}
