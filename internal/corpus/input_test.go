package corpus

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// listedBelow returns what listInputs lists, relative to root.
func listedBelow(t *testing.T, root string, paths ...string) (*inputs, []string) {
	t.Helper()
	list, err := listInputs(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i, in := range list.files {
		name, err := filepath.Rel(root, in.path)
		if err != nil || in.number != i {
			t.Fatalf("file %d has number %d, error %v", i, in.number, err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	return list, names
}

// One odd file does not condemn a folder; named itself, it is an error.
func TestFoldersLeaveOutWhatIsNoText(t *testing.T) {
	root := fileSystem(t, map[string]string{
		"part-00000": "A one.", "part-00001": "", "_SUCCESS": "", "_committed_12": "{}", "_notes.txt": "B one.", "dots.txt": "...\n",
		"run/config.yaml": "model: tiny\n", "run/checkpoints/step-5/model.safetensors": "x", "run/metrics.jsonl": "{}",
		"shards/index.json": "{}", "shards/vocab.txt": "x", "shards/shard-00000.bin": "x",
		"sweep/sweep.yaml": "x", "sweep/runs/a/config.yaml": "x", "sweep/results.jsonl": "{}",
		"export/config.json": "{}", "export/model.safetensors": "x", "step-5/trainer.json": "{}", "step-5/model.safetensors": "x",
		".out.prepare/words": "x", "text/config.yaml": "C one.",
	})
	list, names := listedBelow(t, root, root)
	if want := []string{"_notes.txt", "dots.txt", "part-00000", "text/config.yaml"}; !slices.Equal(names, want) || list.empty != 1 || list.markers != 2 || len(list.own) != 5 {
		t.Errorf("found %q, %d empty, %d markers, own %q, expected %q, 1, 2 and 5 own folders", names, list.empty, list.markers, list.own, want)
	}
	var r Report
	s, _, err := Load(t.Context(), LoadOptions{Paths: []string{root}, VocabSize: 12, Report: &r})
	if err != nil || s.Documents() != 3 || r.NoText != 1 || r.Empty != 1 {
		t.Errorf("found report %+v, error %v, expected 3 documents and one file without a sentence", r, err)
	}
	says := strings.Join(r.Lines(), "\n")
	for _, want := range []string{"read as prose: 3 files, 3 documents, 3 sentences (1.0 a document), such as \"B one.\"",
		"left out: 1 empty file, 2 marker files, 1 file without a sentence, " + filepath.Join(root, "export")} {
		if !strings.Contains(says, want) {
			t.Errorf("the report says %s\nexpected %s", says, want)
		}
	}
	for path, want := range map[string]string{
		"part-00001": "found an empty file", "dots.txt": "found no sentence", "run": "found the folder of a run, expected text",
		"sweep": "found the folder of a sweep", "export": "found a Hugging Face folder of weights", "step-5": "found a checkpoint",
	} {
		path = filepath.Join(root, path)
		_, _, err := Load(t.Context(), LoadOptions{Paths: []string{filepath.Join(root, "part-00000"), path}, VocabSize: 12})
		if !errors.Is(err, ErrBadData) || !strings.HasPrefix(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("found error %v, expected %s: %s", err, path, want)
		}
	}
	nothing := fileSystem(t, map[string]string{"a/_SUCCESS": "", "a/b": "", "b/c": "...", "b/d": " \n"})
	for path, want := range map[string]string{"a": "found a folder with nothing but 2 empty or marker files", "b": "found no sentence"} {
		_, _, err := Load(t.Context(), LoadOptions{Paths: []string{filepath.Join(nothing, path)}, VocabSize: 12})
		if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found error %v, expected %s", path, err, want)
		}
	}
}

func TestLists(t *testing.T) {
	root := fileSystem(t, map[string]string{
		"a.txt": "A.", "b/c.txt": "C.", "b/d.txt": "D.", "lists/some": "../b\n\n  \n../a.txt\n", "lists/lost": "../a.txt\n../none\n",
		"lists/empty": "\n", "lists/lists": "@some\n", "lists/packed.gz": gzipped(t, "../a.txt\r\n"), "odd \xe9,name ": "E.", "lists/odd": "../odd \xe9,name \n",
	})
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("this system refuses odd names")
	}
	list := func(name string) string { return "@" + filepath.Join(root, "lists", name) }
	for name, want := range map[string][]string{"some": {"b/c.txt", "b/d.txt", "a.txt"}, "packed.gz": {"a.txt"}, "odd": {"odd \xe9,name "}} {
		if _, names := listedBelow(t, root, list(name)); !slices.Equal(names, want) {
			t.Errorf("%s: found %q, expected %q", name, names, want)
		}
	}
	for name, want := range map[string]string{
		"lost":  `lost:2: found nothing there at "` + filepath.Join(root, "none") + `", expected a file or folder of text`,
		"empty": "empty: found no path, expected a list of paths, one a line",
		"lists": `lists:1: found "@some", expected the path of a file or folder`,
		"none":  "none: found nothing there, expected a list of paths",
	} {
		if _, err := listInputs(t.Context(), []string{list(name)}); !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found error %v, expected %s", name, err, want)
		}
	}
	s, _, err := Load(t.Context(), LoadOptions{Paths: []string{list("some"), filepath.Join(root, "a.txt")}, VocabSize: 9})
	if err != nil || s.Documents() != 4 {
		t.Errorf("a list and a file: error %v", err)
	}
}

// What comes through a pipe is kept, as it is read more than once, up to a limit.
func TestPipes(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		limit int64
		want  string
	}{"some": {"A one.", 100, ""}, "at the limit": {"A one.", 6, ""}, "too much": {"A one.", 5, "pipe: found more than 0 GiB"}, "nothing": {"", 5, "pipe: found nothing"}} {
		s, err := fill("pipe", strings.NewReader(c.text), c.limit)
		if c.want != "" {
			if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: found error %v, expected %s", name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		in := &input{path: s.name, size: s.size, named: true, spool: s.file}
		for range 2 {
			err := readInput(t.Context(), in, Reading{}, func(d Document) error {
				if d.Source != "pipe" || d.Sentences[0] != "A one." {
					t.Errorf("%s: found %+v", name, d)
				}
				return nil
			})
			if err != nil || in.done.Load() != 6 {
				t.Errorf("%s: %d bytes read, error %v", name, in.done.Load(), err)
			}
		}
		if err := s.file.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := fill("pipe", io.MultiReader(strings.NewReader("x"), &brokenReader{}), 100); err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("a broken pipe: error %v", err)
	}
}

type brokenReader struct{}

func (*brokenReader) Read([]byte) (int, error) { return 0, os.ErrClosed }

// Documents are numbered through all files, and reading may begin at any of them.
func TestReadingBeginsAnywhere(t *testing.T) {
	root := fileSystem(t, map[string]string{"a": "A one.\n\nA two.\n\nA three.", "b": "B one.", "c": `{"text": "C one."}` + "\n" + `{"text": "C two."}`})
	list, err := listInputs(t.Context(), []string{root})
	if err != nil {
		t.Fatal(err)
	}
	read := func(from place) (texts []string, places []place) {
		s := readFiles(list.files, Reading{}, "read", nil)
		if err := s.read(t.Context(), from, func(d rawDocument) error {
			texts, places = append(texts, d.text), append(places, place{d.file, d.number})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return texts, places
	}
	all, places := read(place{})
	if len(all) != 6 {
		t.Fatalf("found %q, expected 6 documents", all)
	}
	for i, p := range places {
		if got, _ := read(p); !slices.Equal(got, all[i:]) {
			t.Errorf("from %+v: found %q, expected %q", p, got, all[i:])
		}
	}
}

func TestReportWarns(t *testing.T) {
	for name, c := range map[string]struct {
		r    Report
		want string
	}{
		"one sentence":  {Report{Parts: []FormatReport{{Format: Prose, Files: 1, Documents: 50, Sentences: 50}}}, "1.00 sentences a document"},
		"rows":          {Report{Parts: []FormatReport{{Format: JSONLines, Files: 1, Documents: 50, Sentences: 55}}}, "does each row hold a document"},
		"one long text": {Report{Parts: []FormatReport{{Format: SentenceLines, Files: 1, Documents: 1, Sentences: 5000}}}, "put a blank line between documents, and give validation text (--valid)"},
		"one sentence of it all": {Report{Parts: []FormatReport{{Format: Prose, Files: 1, Documents: 1, Sentences: 1, Sample: strings.Repeat("x", keptSample)}}},
			"put a blank line between documents"},
		"doubts": {Report{Doubts: []string{"a", "b", "c", "d", "e"}}, "2 files more of doubtful format"},
	} {
		if got := strings.Join(c.r.Warnings(), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: found %q, expected %s", name, got, c.want)
		}
	}
	good := Report{Parts: []FormatReport{{Format: Prose, Files: 1, Documents: 500, Sentences: 5000, Sample: "A."}}}
	if got := good.Warnings(); len(got) > 0 {
		t.Errorf("found %q of good text", got)
	}
}

// A pipe through which nothing comes ends with the context.
func TestPipeThatWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := exec.Command("mkfifo", path).Run(); err != nil {
		t.Skipf("mkfifo: %v", err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(stopped) })
	if _, err := listInputs(ctx, []string{path}); !errors.Is(err, stopped) {
		t.Errorf("found error %v, expected that it was stopped", err)
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0) // lets go what waits to open the other end
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
