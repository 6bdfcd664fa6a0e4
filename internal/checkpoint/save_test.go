package checkpoint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

type state struct {
	Cursor int64   `json:"cursor"`
	Loss   float64 `json:"loss"`
}

// content is a small checkpoint of two files whose values depend on seed.
func content(seed int) map[string]*checkpoint.File {
	return map[string]*checkpoint.File{
		"model.safetensors": {
			Metadata: map[string]string{"kind": "model"},
			Tensors: []checkpoint.Tensor{
				checkpoint.Of("w", []int{2, 2}, []float32{float32(seed), 1, 2, 3}),
				checkpoint.Of("col", []int{3}, []int32{0, 4, 1}),
			},
		},
		"optimizer.safetensors": {Tensors: []checkpoint.Tensor{checkpoint.Of("m", []int{1}, []float32{0.5 + float32(seed)})}},
	}
}

func save(t testing.TB, dir string, step int64) string {
	t.Helper()
	path, err := checkpoint.Save(dir, step, content(int(step)), state{step, 0.1}, "cafe")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "checkpoints")
	path := save(t, dir, 7)
	if path != filepath.Join(dir, "step-7") {
		t.Errorf("Save returned %s", path)
	}
	c, err := checkpoint.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var s state
	if err := json.Unmarshal(c.State, &s); err != nil || s != (state{7, 0.1}) {
		t.Errorf("state: got %+v, %v", s, err)
	}
	if c.Path != path || c.Step != 7 || c.ConfigSHA256 != "cafe" || len(c.Files) != 2 {
		t.Errorf("got %+v", c)
	}
	r, err := c.Open("model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	same(t, r, "w", []float32{7, 1, 2, 3})
	same(t, r, "col", []int32{0, 4, 1})
	if _, err := c.Open("other.safetensors"); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("a file the manifest does not name: got %v", err)
	}
	if got, want := names(t, path), []string{"model.safetensors", "optimizer.safetensors", "trainer.json"}; !slices.Equal(got, want) {
		t.Errorf("folder holds %v, want %v", got, want)
	}
}

func TestSaveIsDeterministic(t *testing.T) {
	a, b := save(t, t.TempDir(), 3), save(t, t.TempDir(), 3)
	for _, name := range names(t, a) {
		x, xerr := os.ReadFile(filepath.Join(a, name))
		y, yerr := os.ReadFile(filepath.Join(b, name))
		if xerr != nil || yerr != nil || !bytes.Equal(x, y) {
			t.Errorf("%s: two saves of the same content differ", name)
		}
	}
}

func TestSaveReplacesItsStep(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 5)
	if _, err := checkpoint.Save(dir, 5, content(99), state{}, ""); err != nil {
		t.Fatal(err)
	}
	c, _, err := checkpoint.Latest(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Open("model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	same(t, r, "w", []float32{99, 1, 2, 3})
	if got := names(t, dir); !slices.Equal(got, []string{"step-5"}) {
		t.Errorf("folder holds %v, want step-5 alone", got)
	}
}

func TestSaveRefusesBadArguments(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"", "../x.safetensors", "a/b.safetensors", "trainer.json", ".safetensors", "x"} {
		if _, err := checkpoint.Save(dir, 1, map[string]*checkpoint.File{name: {}}, nil, ""); err == nil {
			t.Errorf("file name %q: got no error", name)
		}
	}
	if _, err := checkpoint.Save(dir, -1, nil, nil, ""); err == nil {
		t.Error("step -1: got no error")
	}
	if _, err := checkpoint.Save(dir, 1, nil, func() {}, ""); err == nil {
		t.Error("a state that JSON does not take: got no error")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("refused arguments left a folder (%v)", err)
	}
}

// damage lets spoil change each file of a checkpoint in place. After each
// change, rejected demands that Load fails with ErrCorrupt in one line that
// names the file; mended, the checkpoint must load again.
func damage(t *testing.T, spoil func(t *testing.T, file *os.File, good []byte, rejected func(what string, at int))) {
	path := save(t, t.TempDir(), 12)
	for _, name := range names(t, path) {
		t.Run(name, func(t *testing.T) {
			file, err := os.OpenFile(filepath.Join(path, name), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			good, err := os.ReadFile(file.Name())
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, file, good, func(what string, at int) {
				_, err := checkpoint.Load(path)
				if !errors.Is(err, checkpoint.ErrCorrupt) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), file.Name()) {
					t.Fatalf("%s at byte %d: got %v, want one line that names the file and wraps ErrCorrupt", what, at, err)
				}
			})
			if err := os.WriteFile(file.Name(), good, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := checkpoint.Load(path); err != nil {
				t.Fatalf("mended: %v", err)
			}
		})
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	damage(t, func(t *testing.T, file *os.File, good []byte, rejected func(string, int)) {
		put := func(b byte, at int) {
			if _, err := file.WriteAt([]byte{b}, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		for at, b := range good {
			for bit := range 8 {
				put(b^1<<bit, at)
				rejected(fmt.Sprintf("bit %d flipped", bit), at)
			}
			put(b, at)
		}
	})
}

func TestEveryTruncationIsFound(t *testing.T) {
	damage(t, func(t *testing.T, file *os.File, good []byte, rejected func(string, int)) {
		if _, err := file.WriteAt([]byte{'\n'}, int64(len(good))); err != nil {
			t.Fatal(err)
		}
		rejected("a byte too many", len(good))
		for n := len(good) - 1; n >= 0; n-- {
			if err := file.Truncate(int64(n)); err != nil {
				t.Fatal(err)
			}
			rejected("truncated", n)
		}
	})
}

func TestMissingFilesAreFound(t *testing.T) {
	for _, name := range []string{"model.safetensors", "optimizer.safetensors", "trainer.json"} {
		path := save(t, t.TempDir(), 12)
		if err := os.Remove(filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := checkpoint.Load(path); !errors.Is(err, checkpoint.ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: got %v", name, err)
		}
		if err := os.Mkdir(filepath.Join(path, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := checkpoint.Load(path); err == nil {
			t.Errorf("a folder in place of %s: got no error", name)
		}
	}
	if _, err := checkpoint.Load(filepath.Join(t.TempDir(), "step-1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder at all: got %v", err)
	}
}

func TestSwappedFoldersAreFound(t *testing.T) {
	dir := t.TempDir()
	path := save(t, dir, 12)
	as := filepath.Join(dir, "step-13")
	if err := os.Rename(path, as); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Load(as); !errors.Is(err, checkpoint.ErrCorrupt) || !strings.HasSuffix(err.Error(), "step: found 12, expected 13 as in the folder's name") {
		t.Errorf("step 12 under the name step-13: got %v", err)
	}
	kept := filepath.Join(dir, "best")
	if err := os.Rename(as, kept); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Load(kept); err != nil {
		t.Errorf("under a name of the user's own: %v", err)
	}
}
