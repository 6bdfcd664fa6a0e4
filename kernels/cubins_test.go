package kernels

import (
	"archive/zip"
	"bytes"
	"testing"
	"testing/fstest"
)

// archive is a zip file of the code of some PTX texts.
func archive(t *testing.T, code map[string]string) *fstest.MapFile {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for ptx, text := range code {
		f, err := w.Create(CubinEntry([]byte(ptx)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

// TestCubin: every GPU gets code that it runs, of the very PTX, or none.
func TestCubin(t *testing.T) {
	folder := fstest.MapFS{
		"cubin/sm_80.zip":  archive(t, map[string]string{"a": "a for 80", "b": "b for 80"}),
		"cubin/sm_86.zip":  archive(t, map[string]string{"a": "a for 86"}),
		"cubin/sm_90a.zip": archive(t, map[string]string{"a": "a for 90a"}),
	}
	for _, c := range []struct {
		ptx          string
		major, minor int
		want         string
	}{
		{"a", 8, 0, "a for 80"}, {"b", 8, 0, "b for 80"}, {"a", 8, 6, "a for 86"}, {"a", 8, 7, "a for 86"}, {"a", 9, 0, "a for 90a"},
		{"a", 8, 9, ""}, // whose archive is not there
		{"b", 8, 6, ""}, // was not assembled
		{"a ", 8, 0, ""},
		{"a", 7, 5, ""}, {"a", 9, 1, ""}, {"a", 10, 0, ""}, {"a", 12, 0, ""},
	} {
		code, err := cubin(folder, []byte(c.ptx), c.major, c.minor)
		if err != nil || string(code) != c.want {
			t.Errorf("%q for %d.%d: found %q and error %v, expected %q", c.ptx, c.major, c.minor, code, err, c.want)
		}
	}
	if code, err := cubin(nil, []byte("a"), 9, 0); code != nil || err != nil {
		t.Errorf("without archives: found %q and error %v", code, err)
	}
	bad := folder["cubin/sm_80.zip"].Data
	folder["cubin/sm_80.zip"].Data = bad[:len(bad)-9]
	if code, err := cubin(folder, []byte("a"), 8, 0); err == nil {
		t.Errorf("half an archive: found %q, expected an error", code)
	}
}

// TestFigures: a row has local memory where there is some.
func TestFigures(t *testing.T) {
	const table = "# made\na 10 15 20\nb 30 35 40 8 12 16\nc_sm90a - - 50\nd 1 2 3 x\n"
	for _, c := range []struct {
		name                   string
		major                  int
		registers, local, fail int
	}{
		{"a", 8, 10, 0, 0}, {"a", 9, 20, 0, 0}, {"a", 12, 20, 0, 0}, {"b", 8, 30, 8, 0}, {"b", 9, 40, 16, 0}, {"c_sm90a", 9, 50, 0, 0},
		{"c_sm90a", 8, 0, 0, 1}, {"d", 8, 0, 0, 1}, {"e", 8, 0, 0, 1},
	} {
		r, err := figure(table, c.name, c.major, 0)
		l, also := figure(table, c.name, c.major, 1)
		if r != c.registers || l != c.local || (err != nil) != (c.fail == 1) || (also != nil) != (c.fail == 1) {
			t.Errorf("%s, compute capability %d: found %d registers, %d bytes, errors %v, %v, expected %+v", c.name, c.major, r, l, err, also, c)
		}
	}
}
