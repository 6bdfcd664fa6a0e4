package atomicdir

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fill writes one file.
func fill(dir string) error {
	return WriteFile(filepath.Join(dir, "x"), func(w io.Writer) error {
		_, err := io.WriteString(w, "content")
		return err
	})
}

// names lists a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWriteIsWholeOrNothing(t *testing.T) {
	parent := t.TempDir()
	empty := filepath.Join(parent, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{filepath.Join(parent, "a", "b", "new"), empty} {
		if err := Check(out); err != nil {
			t.Fatal(err)
		}
		if err := Write(t.Context(), out, fill); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(out, "x")); err != nil || string(text) != "content" {
			t.Errorf("%s: found %q and error %v", out, text, err)
		}
	}
	before := names(t, parent)
	wrong := errors.New("wrong")
	ended, end := context.WithCancelCause(t.Context())
	end(wrong)
	for _, c := range []struct {
		what string
		ctx  context.Context
		fill func(string) error
		want error
	}{
		{"a failure half-way", t.Context(), func(dir string) error { return errors.Join(fill(dir), wrong) }, wrong},
		{"an end of the context", ended, fill, wrong},
		{"a file twice", t.Context(), func(dir string) error { return errors.Join(fill(dir), fill(dir)) }, os.ErrExist},
		{"a folder that was filled meanwhile", t.Context(), func(dir string) error {
			late := filepath.Join(parent, "late")
			return errors.Join(fill(dir), os.Mkdir(late, 0o755), os.WriteFile(filepath.Join(late, "y"), nil, 0o644))
		}, nil},
	} {
		err := Write(c.ctx, filepath.Join(parent, "late"), c.fill)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: found error %v, expected %v", c.what, err, c.want)
		}
		if c.want != nil && names(t, parent) != before {
			t.Errorf("%s: left %s, expected %s", c.what, names(t, parent), before)
		}
	}
	if got := names(t, parent); got != before+" late" || names(t, filepath.Join(parent, "late")) != "y" {
		t.Errorf("found %s, expected what was there and late with y", got)
	}
}

func TestCheckRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{"": "no name", dir: "holds file", file: "no folder", filepath.Join(file, "below"): "file"} {
		err := Check(path)
		if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: found error %v, expected one that says %s", path, err, says)
		}
	}
	if names(t, dir) != "file" {
		t.Errorf("found %s, expected nothing new", names(t, dir))
	}
}
