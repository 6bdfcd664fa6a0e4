package corpus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// demoText writes demo documents as two text files, one in a folder below, and
// returns the folder that holds them.
func demoText(t testing.TB, docs int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "text")
	var texts [2]strings.Builder
	for d := range DemoDocuments(9, docs) {
		text := &texts[min(1, 3*(d.Line-1)/docs)]
		text.WriteString(strings.Join(d.Sentences, "\n") + "\n\n")
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "below"), 0o777),
		os.WriteFile(filepath.Join(dir, "a.txt"), []byte(texts[0].String()), 0o666),
		os.WriteFile(filepath.Join(dir, "below", "b.txt"), []byte(texts[1].String()), 0o666)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// folderContent returns the names and contents of a folder's files.
func folderContent(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		content[e.Name()] = string(data)
	}
	return content
}

func TestPrepareDoesNotDependOnThreads(t *testing.T) {
	text, dir := demoText(t, 600), t.TempDir()
	var want map[string]string
	for _, threads := range []int{1, 2, 5} {
		out := filepath.Join(dir, fmt.Sprint(threads))
		last := map[string]int64{}
		r, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 300, Threads: threads, ShardTokens: 20000,
			Progress: func(stage string, done, total int64) {
				if done < last[stage] || done > total {
					t.Errorf("%s: progress %d of %d after %d", stage, done, total, last[stage])
				}
				last[stage] = done
			}})
		if err != nil {
			t.Fatal(err)
		}
		got := folderContent(t, out)
		if len(got) != r.Shards+2 || r.Shards < 4 || r.VocabSize != 300 || r.Documents != 600 || len(last) != 3 {
			t.Fatalf("%d files, result %+v, stages %v", len(got), r, last)
		}
		if want == nil {
			want = got
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%d threads: %s differs", threads, name)
			}
		}
	}
}

// Text and the shards made of it must train alike.
func TestShardsGiveTheSameBatchesAsText(t *testing.T) {
	text := demoText(t, 300)
	out := filepath.Join(t.TempDir(), "new", "shards")
	r, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 300, ShardTokens: 5000})
	if err != nil {
		t.Fatal(err)
	}
	var batches []*Batch
	load := func(vocab *Vocab, paths ...string) *Vocab {
		s, v, err := Load(t.Context(), LoadOptions{Paths: paths, Vocab: vocab, VocabSize: 300})
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewDataset(s, v, DatasetOptions{SeqLen: 64, MLMProbability: 0.15, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		if got := UnigramEntropy(s); got != r.UnigramEntropy {
			t.Errorf("%v: unigram entropy %v, Prepare said %v", paths, got, r.UnigramEntropy)
		}
		b := d.newBatch(200)
		d.Train(b, 150)
		batches = append(batches, b)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return v
	}
	v := load(nil, text)
	if w := load(nil, out); w.SHA256() != v.SHA256() {
		t.Error("the shards' vocabulary is not the one that the text gives")
	}
	load(v, filepath.Join(text, "a.txt"), filepath.Join(text, "below"))
	for i, b := range batches[1:] {
		for row := range b.Size {
			if !sameRow(batches[0], row, b, row) {
				t.Fatalf("source %d, row %d differs from that of the text", i+1, row)
			}
		}
	}
}

func TestLoadMixesTextAndShards(t *testing.T) {
	text, dir := demoText(t, 90), t.TempDir()
	out := filepath.Join(dir, "shards")
	if _, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 200}); err != nil {
		t.Fatal(err)
	}
	alone, v, err := Load(t.Context(), LoadOptions{Paths: []string{out}})
	if err != nil {
		t.Fatal(err)
	}
	both, w, err := Load(t.Context(), LoadOptions{Paths: []string{text, out}, VocabSize: 77})
	if err != nil {
		t.Fatal(err)
	}
	one := storeTokens(alone)
	if w.SHA256() != v.SHA256() || !equalTokens(storeTokens(both), slices.Concat(one, one)) {
		t.Error("text and its shards are not twice the shards")
	}
	for id, n := range both.Counts() {
		if n != 2*alone.counts[id] {
			t.Fatalf("id %d counted %d times, want twice %d", id, n, alone.counts[id])
		}
	}
	other, err := NewVocab(append(specialTokens[:], "a"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Load(t.Context(), LoadOptions{Paths: []string{out}, Vocab: other})
	if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), "expected the one of 6 tokens") || !strings.Contains(err.Error(), "give that to prepare (--vocab)") {
		t.Errorf("shards of another vocabulary: error %v", err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	text := demoText(t, 30)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shards := smallShards(t)
	late := demoText(t, 300) // fails only in its last file
	if err := os.WriteFile(filepath.Join(late, "z.txt"), []byte("good\nbad \xff\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	vocab := file("vocab.txt", strings.Join(specialTokens[:], "\n")+"\na\n")
	full := filepath.Join(dir, "full")
	if err := errors.Join(os.Mkdir(full, 0o777), os.WriteFile(filepath.Join(full, "x"), nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		name string
		o    PrepareOptions
		want string
	}{
		{"no corpus", PrepareOptions{Out: out, VocabSize: 50}, "found no path"},
		{"missing corpus", PrepareOptions{Corpus: []string{text + "x"}, Out: out, VocabSize: 50}, "found nothing there"},
		{"shards", PrepareOptions{Corpus: []string{shards}, Out: out, VocabSize: 50}, "found token shards, expected text"},
		{"invalid UTF-8", PrepareOptions{Corpus: []string{late}, Out: out, VocabPath: vocab}, "z.txt:2: "},
		{"no output", PrepareOptions{Corpus: []string{text}, VocabSize: 50}, "found no name"},
		{"full output", PrepareOptions{Corpus: []string{text}, Out: full, VocabSize: 50}, "full: found a folder that holds x, expected one that does not exist or is empty"},
		{"file as output", PrepareOptions{Corpus: []string{text}, Out: vocab, VocabSize: 50}, "found something that is no folder"},
		{"vocabulary's size", PrepareOptions{Corpus: []string{text}, Out: out, VocabPath: vocab, VocabSize: 7}, "vocab.txt: found 6 tokens, expected 7"},
		{"vocabulary too large", PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 1 << 20}, "found size 1048576"},
	} {
		_, err := Prepare(t.Context(), c.o)
		if !errors.Is(err, ErrBadData) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q, want one line with %q", c.name, err, c.want)
		}
	}
	if _, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 50, ShardTokens: -1}); err == nil {
		t.Error("negative shard size: no error")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 { // full and vocab.txt
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPrepareStoppedLeavesNothing(t *testing.T) {
	text := demoText(t, 600)
	for _, stage := range []string{"count words", "train vocabulary", "tokenize"} {
		dir := t.TempDir()
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		seen := 0
		_, err := Prepare(ctx, PrepareOptions{Corpus: []string{text}, Out: filepath.Join(dir, "deep", "out"), VocabSize: 300, Threads: 2, ShardTokens: 1000,
			Progress: func(s string, done, total int64) {
				if s == stage {
					if seen++; seen == 2 {
						cancel(stop)
					}
				}
			}})
		cancel(nil)
		// Training a vocabulary ends with its second report; the next stage notices.
		if !errors.Is(err, stop) {
			t.Errorf("stopped in %q: error %v, want the cause of the stop", stage, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("stopped in %q: left %v", stage, left)
		}
	}
}

// What is wrong with the output folder or the sizes is said before the text is read.
func TestPrepareChecksBeforeReading(t *testing.T) {
	text, dir := demoText(t, 30), t.TempDir()
	for name, o := range map[string]PrepareOptions{
		"not writable":    {Out: "/proc/none/out"}, // nothing can be made in /proc, not by root either
		"negative shards": {Out: dir, ShardTokens: -1},
		"huge shards":     {Out: dir, ShardTokens: maxShardTokens + 1},
	} {
		if _, err := os.Stat("/proc/self"); err != nil && o.Out != dir {
			continue
		}
		o.Corpus, o.VocabSize = []string{text}, 100
		o.Progress = func(stage string, _, _ int64) { t.Errorf("%s: reached %q", name, stage) }
		if _, err := Prepare(t.Context(), o); !errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line of bad data", name, err)
		}
	}
}

func TestPrepareIntoAnEmptyFolder(t *testing.T) {
	text, dir := demoText(t, 30), t.TempDir()
	out := filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "empty"), 0o777), os.Symlink("empty", out)); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{out, filepath.Join(dir, "fresh") + string(filepath.Separator)} {
		if _, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: 100}); err != nil {
			t.Fatal(err)
		}
		s, _, err := Load(t.Context(), LoadOptions{Paths: []string{out}})
		if err != nil {
			t.Fatal(err)
		}
		if s.Documents() != 30 {
			t.Errorf("%d documents, want 30", s.Documents())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	invisible := filepath.Join(dir, "text.txt")
	if err := os.WriteFile(invisible, []byte("\u00ad \u200b\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	v, err := NewVocab(append(specialTokens[:], "a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][]string{nil, {filepath.Join(dir, "none")}, {dir, filepath.Join(dir, "none")}, {invisible}} {
		if _, _, err := Load(t.Context(), LoadOptions{Paths: paths, Vocab: v}); !errors.Is(err, ErrBadData) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v, want one line of bad data", paths, err)
		}
	}
}

func BenchmarkPrepare(b *testing.B) {
	text := demoText(b, 4000)
	v := filepath.Join(b.TempDir(), "first")
	if _, err := Prepare(b.Context(), PrepareOptions{Corpus: []string{text}, Out: v, VocabSize: 1024}); err != nil {
		b.Fatal(err)
	}
	var size int64
	for _, name := range []string{"a.txt", "below/b.txt"} {
		info, err := os.Stat(filepath.Join(text, name))
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	b.SetBytes(size)
	for b.Loop() {
		out := filepath.Join(b.TempDir(), "out")
		if _, err := Prepare(b.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabPath: filepath.Join(v, vocabFile)}); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(out); err != nil {
			b.Fatal(err)
		}
	}
}
