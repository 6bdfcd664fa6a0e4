package corpus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/sparsebert/sparsebert-gpu/internal/fileformat"
)

// fileSystem writes files under a new folder.
func fileSystem(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func zstandard(t testing.TB, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

// listPaths returns the paths of what listInputs lists.
func listPaths(paths []string) (files []string, err error) {
	list, err := listInputs(context.Background(), paths)
	if err != nil {
		return nil, err
	}
	for _, in := range list.files {
		files = append(files, in.path)
	}
	return files, nil
}

func TestFilesAndFormats(t *testing.T) {
	root := fileSystem(t, map[string]string{
		"b.txt":         "B one.",
		"a/z.gz":        gzipped(t, "Z one.\n\nZ two."),
		"a/y":           zstandard(t, "Y one."),
		"a/x.gz":        "X is plain.", // the content decides
		"a/two.gz":      gzipped(t, "T one. ") + gzipped(t, "T two."),
		"a/.hidden":     "\x00",
		".git/objects":  "\x00",
		"c/.h/deep.txt": "\x00",
		"c/d/e/deep.md": "Deep one.",
	})
	files, err := listPaths([]string{filepath.Join(root, "b.txt"), root})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	if want := strings.Fields("b.txt a/two.gz a/x.gz a/y a/z.gz b.txt c/d/e/deep.md"); !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	var got []string
	err = readDocuments(t.Context(), []string{root}, func(d Document) error {
		got = append(got, filepath.Base(d.Source)+": "+strings.Join(d.Sentences, "|"))
		return nil
	})
	want := []string{"two.gz: T one.|T two.", "x.gz: X is plain.", "y: Y one.", "z.gz: Z one.", "z.gz: Z two.", "b.txt: B one.", "deep.md: Deep one."}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestFileErrors(t *testing.T) {
	text := strings.Repeat("Some text that is long enough to be cut anywhere. ", 50)
	gz, zst := gzipped(t, text), zstandard(t, text)
	flipped := func(s string, at int) string { return s[:at] + string(s[at]^0x40) + s[at+1:] }
	root := fileSystem(t, map[string]string{
		"empty.txt":     "",
		"cut.gz":        gz[:len(gz)-9],
		"head.gz":       gz[:5],
		"sum.gz":        flipped(gz, len(gz)-6),
		"junk.gz":       gz + "junk behind",
		"blank.gz":      gzipped(t, ""),
		"latin.gz":      gzipped(t, "a\n\xe9"),
		"cut.zst":       zst[:len(zst)-5],
		"head.zst":      zst[:5],
		"sum.zst":       flipped(zst, len(zst)-2),
		"many/a.txt":    "A one.",
		"many/b.txt":    "",
		"hidden/.a.txt": "A one.",
		"picture.txt":   "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
	})
	if err := os.Mkdir(filepath.Join(root, "nothing"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"none":        "found nothing there, expected a file or folder of text",
		"empty.txt":   "found an empty file, expected text",
		"cut.gz":      "found truncated gzip data, expected a whole gzip stream",
		"head.gz":     "found truncated gzip data, expected a whole gzip stream",
		"sum.gz":      "found corrupt gzip data (gzip: invalid checksum), expected a whole gzip stream",
		"junk.gz":     "found corrupt gzip data (other data behind its end), expected a whole gzip stream",
		"blank.gz":    "found no sentence, expected text",
		"cut.zst":     "found truncated Zstandard data, expected a whole Zstandard stream",
		"head.zst":    "found truncated Zstandard data, expected a whole Zstandard stream",
		"sum.zst":     "found corrupt Zstandard data (", // the library's words follow
		"nothing":     "found an empty folder, expected text files in it",
		"hidden":      "found an empty folder, expected text files in it",
		"latin.gz":    "latin.gz:2: found invalid UTF-8 (byte 0xe9) at byte 2, expected UTF-8 text",
		"picture.txt": "picture.txt: found a picture, expected a text file",
	} {
		err := readDocuments(t.Context(), []string{filepath.Join(root, name)}, func(Document) error { return nil })
		if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), filepath.Join(root, name)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
	}
	if _, err := listPaths(nil); !errors.Is(err, ErrBadData) {
		t.Errorf("no path: %v", err)
	}
	if _, err := listPaths([]string{filepath.Join(root, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file is not fs.ErrNotExist: %v", err)
	}
	if err := ReadFile(t.Context(), root, Reading{}, nil); !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), "found a folder, expected a text file") {
		t.Errorf("ReadFile of a folder: %v", err)
	}
}

// A compressed file cut at any byte is an error, never a shorter corpus.
func TestTruncatedAnywhere(t *testing.T) {
	for format, whole := range map[string]string{"gzip": gzipped(t, "One sentence. Two."), "Zstandard": zstandard(t, "One sentence. Two.")} {
		path := filepath.Join(t.TempDir(), "f")
		for length := range len(whole) {
			if err := os.WriteFile(path, []byte(whole[:length]), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := ReadFile(t.Context(), path, Reading{}, func(Document) error { return nil }); !errors.Is(err, ErrBadData) {
				t.Errorf("%s cut to %d of %d bytes: %v", format, length, len(whole), err)
			}
		}
	}
}

func TestSpecialFiles(t *testing.T) {
	root := fileSystem(t, map[string]string{"real/a.txt": "A one."})
	link := filepath.Join(root, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if files, err := listPaths([]string{link}); err != nil || len(files) != 1 {
		t.Errorf("a link to a folder, named: %q, %v", files, err)
	}
	expect := func(path, want string) {
		t.Helper()
		if _, err := listPaths([]string{path}); !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
	expect(root, "link: found a symbolic link to a folder, expected a text file")
	lost := filepath.Join(root, "real", "lost")
	if err := os.Symlink("nowhere", lost); err != nil {
		t.Fatal(err)
	}
	expect(lost, "lost: found a symbolic link to nothing, expected a file or folder of text")
	expect(filepath.Join(root, "real"), "lost: found a symbolic link to nothing, expected a text file")
	expect(os.DevNull, os.DevNull+": found a special file (D")
	if got := fileformat.KindOf(fs.ModeNamedPipe | 0o600); got != "a named pipe" {
		t.Errorf("a named pipe is called %q", got)
	}
}

func TestUnreadableFile(t *testing.T) {
	path := filepath.Join(fileSystem(t, map[string]string{"secret.txt": "A one."}), "secret.txt")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(path); err == nil {
		f.Close()
		t.Skip("this user may read every file")
	}
	err := ReadFile(t.Context(), path, Reading{}, func(Document) error { return nil })
	if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), "found no permission to read it, expected a text file") {
		t.Errorf("got %v", err)
	}
}
