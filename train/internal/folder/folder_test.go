package folder_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
)

// filled makes a folder with some files, empty ones.
func filled(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whether a run may start or go on in a folder, and that asking leaves nothing.
func TestCheck(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "a", "b")
	file := filepath.Join(filled(t, "file"), "file")
	for _, c := range []struct {
		what   string
		dir    string
		resume bool
		says   string // "": may
	}{
		{"a new folder", gone, false, ""},
		{"an empty folder", filled(t), false, ""},
		{"what a run killed at once leaves", filled(t, checkpoint.LockName, ".config.yaml123", ".writable-123"), false, ""},
		{"somebody's files", filled(t, "thesis.tex"), false, "not empty (thesis.tex, ...), expected an empty or new folder, or --resume"},
		{"a run", filled(t, folder.ConfigName), false, "not empty"},
		{"a file", file, false, "expected a folder"},
		{"below a file", filepath.Join(file, "run"), false, "expected a folder"},
		{"a run to resume", filled(t, folder.ConfigName), true, ""},
		{"nothing to resume", gone, true, "found no folder " + gone},
		{"a folder without a run", filled(t, "thesis.tex"), true, "found no config.yaml"},
	} {
		before := names(t, c.dir)
		err := folder.Check(c.dir, c.resume)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: found %v, expected that a run may use it", c.what, err)
		case c.says != "" && (!errors.Is(err, usage.Err) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: found %v, expected a usage error with %q", c.what, err, c.says)
		}
		if after := names(t, c.dir); after != before {
			t.Errorf("%s: the folder went from [%s] to [%s]", c.what, before, after)
		}
	}
}

// names lists a folder; "" where it is none.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

// One process at a time has a folder, and who only asks leaves no lock.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "run")
	f, err := folder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Open(dir); err == nil {
		t.Error("found a folder opened twice, expected an error")
	}
	if err := folder.CheckUnlocked(dir); err == nil {
		t.Error("found a folder that is open unlocked, expected an error")
	}
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := folder.CheckUnlocked(dir); err != nil {
		t.Errorf("found %v, expected a folder that was closed to be unlocked", err)
	}
	if again, err := folder.Open(dir); err != nil {
		t.Error(err)
	} else if err := again.Unlock(); err != nil {
		t.Error(err)
	}
	fresh := t.TempDir()
	if err := folder.CheckUnlocked(fresh); err != nil || names(t, fresh) != "" {
		t.Errorf("found %v and [%s], expected a folder without a lock to stay so", err, names(t, fresh))
	}
}

// words is a vocabulary, or one that cannot be written.
type words struct{ err error }

func (w words) WriteTo(to io.Writer) (int64, error) {
	n, err := io.WriteString(to, "[PAD]\n[UNK]\n")
	return int64(n), errors.Join(err, w.err)
}

// The files of a run appear whole; the environment is that of its first process.
func TestDescribe(t *testing.T) {
	f, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock()
	for _, round := range []string{"first", "second"} {
		if err := f.Describe([]byte("config "+round), []byte("environment "+round), []byte("text "+round), words{}); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			folder.ConfigName: "config " + round, folder.EnvironmentName: "environment first",
			folder.TextName: "text " + round, folder.VocabName: "[PAD]\n[UNK]\n",
		} {
			if got, err := os.ReadFile(f.Path(name)); err != nil || !bytes.Equal(got, []byte(want)) {
				t.Errorf("%s process: %s: found %q (%v), expected %q", round, name, got, err, want)
			}
		}
	}
	if err := f.Describe(nil, nil, nil, words{io.ErrUnexpectedEOF}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("found %v, expected the error of the vocabulary", err)
	}
	if got, _ := os.ReadFile(f.Path(folder.VocabName)); string(got) != "[PAD]\n[UNK]\n" {
		t.Errorf("found %q after an error, expected the vocabulary as it was", got)
	}
	if err := os.Mkdir(f.Path("full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.Write("status", "full", []byte("x")); err == nil || !strings.Contains(err.Error(), "write status") {
		t.Errorf("found %v, expected an error that says what was written", err)
	}
	if got := names(t, f.Dir); strings.Contains(got, "full-") || strings.Count(got, "full") != 1 {
		t.Errorf("found [%s], expected nothing left of a failed write", got)
	}
}
