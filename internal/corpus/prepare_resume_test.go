package corpus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
)

// sameContent compares two folders of shards, but for the paths that the index names.
func sameContent(t *testing.T, got, want string) {
	t.Helper()
	a, b := folderContent(t, got), folderContent(t, want)
	if len(a) != len(b) {
		t.Errorf("found %d files, expected %d", len(a), len(b))
	}
	for name := range b {
		if a[name] != b[name] {
			t.Errorf("%s differs from that of an uninterrupted run", name)
		}
	}
}

// manyFiles writes demo documents as files of about 30 kB each.
func manyFiles(t *testing.T, files int) string {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	for d := range DemoDocuments(9, 70*files) {
		text.WriteString(strings.Join(d.Sentences, " ") + "\n\n")
		if d.Line%70 == 0 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.txt", d.Line/70)), []byte(text.String()), 0o666); err != nil {
				t.Fatal(err)
			}
			text.Reset()
		}
	}
	return dir
}

// However often Prepare is stopped, it goes on and gives the same files.
func TestPrepareGoesOn(t *testing.T) {
	const files = 40
	text, dir := manyFiles(t, files), t.TempDir()
	options := func(name string) PrepareOptions {
		return PrepareOptions{Corpus: []string{text}, Out: filepath.Join(dir, name), VocabSize: 300, Threads: 1, ShardTokens: 20_000, keep: keeping{1, 100_000}}
	}
	o := options("whole")
	o.keep = keeping{1 << 40, 100_000}
	whole, err := Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	for name, stops := range map[string][]struct {
		stage string
		from  int64 // percent that are done
	}{
		"counting": {{"count words", 70}}, "training": {{"train vocabulary", 40}}, "tokenizing": {{"tokenize", 60}},
		"often": {{"count words", 60}, {"count words", 90}, {"train vocabulary", 50}, {"tokenize", 50}, {"tokenize", 80}, {"tokenize", 95}},
	} {
		o := options(name)
		var told []string
		o.Tell = func(line string) { told = append(told, line) }
		root := filepath.Join(dir, "."+name+".partial")
		for i, at := range stops {
			ctx, cancel := context.WithCancelCause(t.Context())
			o.Progress = func(stage string, done, total int64) {
				if stage != at.stage {
					return
				}
				if 100*done >= at.from*total {
					cancel(stop)
				}
			}
			_, err := Prepare(ctx, o)
			cancel(nil)
			if !errors.Is(err, stop) {
				t.Fatalf("%s, stop %d: error %v, expected the cause of the stop", name, i, err)
			}
			if _, err := os.Stat(filepath.Join(root, "state", stateFile)); err != nil {
				t.Fatalf("%s, stop %d: nothing was kept: %v", name, i, err)
			}
			if _, err := os.Stat(o.Out); err == nil {
				t.Fatalf("%s, stop %d: the output is there", name, i)
			}
			// What a kill leaves of the shard that was being written.
			if err := os.WriteFile(filepath.Join(root, "folder", shardFile(77)), []byte("half"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		stages := map[string]int{}
		o.Progress = func(stage string, done, total int64) { stages[stage]++ }
		r, err := Prepare(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		sameContent(t, o.Out, filepath.Join(dir, "whole"))
		if r.Report.Parts[0].Documents != whole.Report.Parts[0].Documents || r.Report.Parts[0].Files != files || r.Tokens != whole.Tokens {
			t.Errorf("%s: found %+v, expected %+v", name, r, whole)
		}
		if at := stops[len(stops)-1].stage; at == "tokenize" && (stages["count words"] > 0 || stages["train vocabulary"] > 0) {
			t.Errorf("%s: went through %v again", name, stages)
		}
		if last := told[len(told)-1]; !strings.Contains(last, "going on from what an earlier run left in "+root) {
			t.Errorf("%s: said %q", name, told)
		}
		if _, err := os.Stat(root); !os.IsNotExist(err) {
			t.Errorf("%s: left %s behind, %v", name, root, err)
		}
	}
}

// What was left of other text or other options is not gone on with, but for words of
// files that have not changed.
func TestPrepareStartsOver(t *testing.T) {
	for name, change := range map[string]func(o *PrepareOptions, text string) error{
		"other options": func(o *PrepareOptions, _ string) error { o.ShardTokens = 30_000; return nil },
		"another size":  func(o *PrepareOptions, _ string) error { o.VocabSize = 110; return nil },
		"first file": func(_ *PrepareOptions, text string) error {
			return os.WriteFile(filepath.Join(text, "001.txt"), []byte("Other text. It is short.\n"), 0o666)
		},
		"last file": func(_ *PrepareOptions, text string) error {
			return os.WriteFile(filepath.Join(text, "020.txt"), []byte("Other text. It is short.\n"), 0o666)
		},
		"a damaged state": func(o *PrepareOptions, _ string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(o.Out), ".out.partial", "state", stateFile), []byte("{"), 0o666)
		},
		"a lost shard": func(o *PrepareOptions, _ string) error {
			return os.Remove(filepath.Join(filepath.Dir(o.Out), ".out.partial", "folder", shardFile(0)))
		},
	} {
		if testing.Short() && name != "a lost shard" {
			continue // the goroutines are the same
		}
		text, dir := manyFiles(t, 20), t.TempDir()
		o := PrepareOptions{Corpus: []string{text}, Out: filepath.Join(dir, "out"), VocabSize: 120, Threads: 1, ShardTokens: 25_000, keep: keeping{1, 50_000}}
		ctx, cancel := context.WithCancelCause(t.Context())
		o.Progress = func(stage string, done, total int64) {
			if stage == "tokenize" && 10*done > 8*total {
				cancel(errors.New("stop"))
			}
		}
		if _, err := Prepare(ctx, o); err == nil {
			t.Fatalf("%s: not stopped", name)
		}
		cancel(nil)
		if err := change(&o, text); err != nil {
			t.Fatal(err)
		}
		o.Progress = nil
		if _, err := Prepare(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := o.Out
		o.Out, o.keep = filepath.Join(dir, "fresh"), keeping{1 << 40, 50_000}
		if _, err := Prepare(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameContent(t, got, o.Out)
	}
}

func TestPrepareOneAtATime(t *testing.T) {
	text, dir := demoText(t, 30), t.TempDir()
	o := PrepareOptions{Corpus: []string{text}, Out: filepath.Join(dir, "out"), VocabSize: 100, keep: keeping{1, 1000}}
	p, err := atomicdir.Continue(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), o); !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), "found another process that makes it") {
		t.Errorf("found error %v", err)
	}
	if err := p.Keep(); err != nil {
		t.Fatal(err)
	}
	if _, err := Prepare(t.Context(), o); err != nil {
		t.Error(err)
	}
}

// Of very many words the rarest go, wherever counting is taken up.
func TestRareWordsGo(t *testing.T) {
	c := NewWordCounter(Normalizer{})
	for word, n := range map[string]int64{"a": 5, "b": 1, "c": 2, "d": 2, "e": 9} {
		c.add(word, n)
	}
	c.prune(5, 3)
	if len(c.counts) != 5 {
		t.Errorf("found %d words, expected all 5", len(c.counts))
	}
	c.prune(4, 3)
	if got := c.sorted(); len(got) != 2 || got[0] != (wordCount{"a", 5}) || got[1] != (wordCount{"e", 9}) {
		t.Errorf("found %v, expected a and e: c and d are equally rare", got)
	}
	even := NewWordCounter(Normalizer{})
	for _, word := range []string{"d", "b", "a", "c"} {
		even.add(word, 1)
	}
	even.prune(3, 2)
	if got := even.sorted(); len(got) != 2 || got[0].word != "a" || got[1].word != "b" {
		t.Errorf("found %v, expected a and b", got)
	}
	back, err := decodeWords(encodeWords(c), Normalizer{})
	if err != nil || len(back.counts) != 2 || back.counts[back.index["e"]] != 9 {
		t.Errorf("read back %v, error %v", back, err)
	}
	if _, err := decodeWords(encodeWords(c)[:5], Normalizer{}); err == nil {
		t.Error("cut words are taken")
	}
}

// What is kept is read back, or refused; no size that it states is believed.
func FuzzWords(f *testing.F) {
	c := NewWordCounter(Normalizer{})
	c.add("word", 3)
	c.add("é", 1<<40)
	for _, seed := range []string{"", string(encodeWords(c)), "\x00\x01", "\xff\xff\xff\xff\x0fa", "\x80"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeWords(data, Normalizer{})
		if err != nil {
			return
		}
		back, err := decodeWords(encodeWords(c), Normalizer{})
		if err != nil || len(back.counts) != len(c.counts) {
			t.Fatalf("%d words became %d, error %v", len(c.counts), len(back.counts), err)
		}
	})
}
