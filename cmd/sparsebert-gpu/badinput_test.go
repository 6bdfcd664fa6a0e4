package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
)

// badInput is a command line that must be refused.
type badInput struct {
	name string
	args []string // "@" stands for a path in an empty folder
	says []string // what the error names
}

// check runs the command and expects one line on stderr, exit code 2 and
// nothing written. It returns the line.
func (b badInput) check(t *testing.T) string {
	t.Helper()
	parent := t.TempDir()
	args := slices.Clone(b.args)
	for i, a := range args {
		if a == "@" {
			args[i] = filepath.Join(parent, "out")
		}
	}
	t.Chdir(parent)
	code, out, errs := invoke(args...)
	if code != exit.Usage {
		t.Errorf("exit code %d, expected %d", code, exit.Usage)
	}
	if out != "" || strings.Count(errs, "\n") != 1 {
		t.Errorf("expected one line on stderr and nothing else, found %q and %q", errs, out)
	}
	for _, word := range b.says {
		if !strings.Contains(errs, word) {
			t.Errorf("found %q, expected it to name %s", errs, word)
		}
	}
	if left := tree(t, parent); len(left) > 1 {
		t.Errorf("something was written: %v", left)
	}
	return errs
}

// inputs writes files for a test and gives their paths.
type inputs struct {
	t   *testing.T
	dir string
}

func newInputs(t *testing.T) inputs { return inputs{t, t.TempDir()} }

func (in inputs) file(name, text string) string {
	path := filepath.Join(in.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		in.t.Fatal(err)
	}
	return path
}

func (in inputs) folder(name string) string {
	path := filepath.Join(in.dir, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		in.t.Fatal(err)
	}
	return path
}

// none is a path where nothing is.
func (in inputs) none(name string) string { return filepath.Join(in.dir, name) }

// Text and vocabularies, for the tests that follow.
var (
	goodText  = strings.Repeat("The cat sat. The dog ran away.\n\n", 200)
	goodVocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n"
)

func TestBadCommandLine(t *testing.T) {
	in := newInputs(t)
	for _, bad := range []badInput{
		{"unknown command", []string{"tran"}, []string{"tran", "train"}},
		{"unknown flag of the program", []string{"--versio"}, []string{"--versio", "`sparsebert-gpu --help`"}},
		{"unknown flag", quick("@", "--sparsty", "0.5"), []string{"--sparsty", "`sparsebert-gpu train --help`"}},
		{"two names of a flag", quick("@", "-B", "4"), []string{"block-size"}},
		{"stray argument", append([]string{"train", "more"}, quick("@")[1:]...), []string{`"more"`}},
		{"stray argument at the end", quick("@", "more"), []string{`"more"`}},
		{"stray argument of eval", []string{"eval", "--checkpoint", "x", "more"}, []string{`"more"`}},
		{"stray argument of flops", []string{"flops", "more"}, []string{`"more"`}},
		{"wrong type", quick("@", "--max-steps", "many"), []string{`--max-steps: found "many", expected a whole number`}},
		{"wrong type of an alias", quick("@", "--lr=fast"), []string{`--lr: found "fast", expected a number`}},
		{"wrong type of a switch", quick("@", "--resume=maybe"), []string{`--resume: found "maybe", expected true or false`}},
		{"wrong sign", quick("@", "--seed=-1"), []string{`--seed: found "-1", expected a whole number, 0 or more`}},
		{"no value", []string{"train", "--max_steps"}, []string{"no value given for --max-steps, expected a whole number"}},
		{"missing config", quick("@", "--config", in.none("none.yaml")), []string{"none.yaml"}},
		{"folder as config", quick("@", "--config", in.folder("config")), []string{"config", "a folder"}},
		{"binary config", quick("@", "--config", in.file("b.yaml", "seed: 1\n\x00\xff\n")), []string{"b.yaml:2"}},
		{"unknown key", quick("@", "--config", in.file("u.yaml", "sped: 1\n")), []string{"u.yaml:1", "sped"}},
		{"unknown key of flops", []string{"flops", "--config", in.none("u.yaml")}, []string{"u.yaml:1", "sped"}},
		{"duplicate key", quick("@", "--config", in.file("d.yaml", "seed: 1\nseed: 2\n")), []string{"d.yaml:2", "seed"}},
		{"wrong type in config", quick("@", "--config", in.file("t.yaml", "seed: 1\nupdates: 2.5\n")), []string{"t.yaml:2", "updates", "2.5"}},
		{"NaN in config", quick("@", "--config", in.file("n.yaml", "seed: 1\nweight_decay: .nan\n")), []string{"n.yaml:2", "weight_decay", "NaN"}},
		{"device", quick("@", "--device", "cuda"), []string{"device", "cuda"}},
		{"no such device", quick("@", "--device", "abacus"), []string{"device", "abacus"}},
		{"precision", quick("@", "--precision", "bf16"), []string{"precision", "bf16"}},
		{"eval without checkpoint", []string{"eval"}, []string{"--checkpoint"}},
		{"eval with an empty checkpoint", []string{"eval", "--checkpoint", ""}, []string{"--checkpoint"}},
		{"inspect without checkpoint", []string{"inspect"}, []string{"--checkpoint"}},
		{"prepare without corpus", []string{"prepare", "--out", "@"}, []string{"--corpus"}},
		{"prepare without output", []string{"prepare", "--corpus", "x"}, []string{"--out"}},
		{"prepare with threads", []string{"prepare", "--corpus", "x", "--out", "@", "--threads=-1"}, []string{"--threads", "-1"}},
		{"prepare with shards", []string{"prepare", "--corpus", in.file("p.txt", goodText), "--out", "@", "--shard-tokens=-1"}, []string{"shard tokens", "-1"}},
		{"flops of no model", []string{"flops", "--model", "huge"}, []string{"huge"}},
		{"verify of no device", []string{"verify", "--device", "abacus"}, []string{"abacus"}},
		{"verify of no block size", []string{"verify", "--block-size", "8", "--block-size", "7"}, []string{"block size", "7"}},
		{"verify with threads", []string{"verify", "--threads", "1000000"}, []string{"--threads", "1000000"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}

func TestBadNumbers(t *testing.T) {
	for _, bad := range []badInput{
		{"NaN rate", quick("@", "--lr", "NaN"), []string{`--lr: found "NaN", expected a number`}},
		{"negative rate", quick("@", "--lr=-1"), []string{"learning_rate", "-1"}},
		{"infinite decay", quick("@", "--weight_decay", "Inf"), []string{`--weight-decay: found "Inf", expected a number`}},
		{"negative decay", quick("@", "--wd=-1"), []string{"weight_decay", "-1"}},
		{"negative clip", quick("@", "--clip=-1"), []string{"max_grad_norm", "-1"}},
		{"dropout", quick("@", "--dropout", "1"), []string{"dropout", "1"}},
		{"masking", quick("@", "--mlm-probability", "NaN"), []string{`--mlm-probability: found "NaN", expected a number`}},
		{"pruning", quick("@", "--prune-ratio", "1.5"), []string{"prune_ratio", "1.5"}},
		{"too many steps", quick("@", "--max-steps", "99999999999"), []string{"max_steps: found 99999999999, expected 1 to 2147483648"}},
		{"heads", quick("@", "--heads", "3"), []string{"heads", "3"}},
		{"blocks", quick("@", "--hidden", "40", "--block-size", "16"), []string{"block", "16", "40"}},
		{"no block size", quick("@", "--block-size", "7"), []string{"block size", "7"}},
		{"sparsity", quick("@", "--sparsity", "0.99999"), []string{"sparsity"}},
		{"NaN sparsity", quick("@", "--sparsity", "NaN"), []string{"sparsity", "NaN"}},
		{"warm-up", quick("@", "--warmup-steps", "99"), []string{"warmup_steps", "99"}},
		{"sequence", quick("@", "--seq-len", "1000"), []string{"seq_len", "1000", "512"}},
		{"method", quick("@", "--method", "magic"), []string{"method", "magic", "dynamic"}},
		{"flops of NaN", []string{"flops", "--sparsity", "NaN"}, []string{"sparsity", "NaN"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}

func TestBadEnvironment(t *testing.T) {
	for _, bad := range []struct {
		variable, value string
		says            []string
	}{
		{"SPARSEBERT_LEARNING_RATE", "fast", []string{"SPARSEBERT_LEARNING_RATE", `"fast"`, "a number"}},
		{"SPARSEBERT_LEARNING_RATE", "NaN", []string{"SPARSEBERT_LEARNING_RATE", `"NaN"`, "a number"}},
		{"SPARSEBERT_UPDATES", "2.5", []string{"SPARSEBERT_UPDATES", `"2.5"`, "a whole number"}},
		{"SPARSEBERT_SPARSTY", "0.5", []string{"SPARSEBERT_SPARSTY"}},
		{"SPARSEBERT_LR", "0.5", []string{"SPARSEBERT_LR"}},
		{"SPARSEBERT_CORPUS", "/none", []string{"/none"}},
		{"SPARSEBERT_CONFIG", "/none.yaml", []string{"/none.yaml"}},
	} {
		t.Run(bad.variable+"="+bad.value, func(t *testing.T) {
			t.Setenv(bad.variable, bad.value)
			args := slices.DeleteFunc(quick("@"), func(a string) bool { return a == "--updates" || a == "3" })
			badInput{args: args, says: bad.says}.check(t)
		})
	}
}

// packed compresses text.
func packed(t *testing.T, text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// skipShort keeps the race run short.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts no goroutine that TestTrainEvalInspect does not start")
	}
}

func TestBadCorpus(t *testing.T) {
	skipShort(t)
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	run := in.none("run")
	if code, _, errs := invoke(quick(run, "--corpus", text, "--vocab-size", "30")...); code != exit.Done {
		t.Fatal(errs)
	}
	packedText := packed(t, goodText)
	for _, bad := range []badInput{
		{"missing", []string{in.none("none.txt")}, []string{"none.txt", "nothing there"}},
		{"no name", []string{""}, []string{`""`}},
		{"empty", []string{in.file("empty.txt", "")}, []string{"empty.txt", "empty"}},
		{"blank", []string{in.file("blank.txt", "\n  \n\t\n")}, []string{"blank.txt", "no sentence"}},
		{"binary", []string{in.file("bin.txt", "ab\x00\x01\x02cd\n")}, []string{"bin.txt:1", "byte 2"}},
		{"invalid UTF-8", []string{in.file("utf.txt", "fine\nbad \xff\xfe here\n")}, []string{"utf.txt:2", "0xff"}},
		{"truncated gzip", []string{in.file("cut.gz", packedText[:len(packedText)/2])}, []string{"cut.gz", "truncated"}},
		{"empty folder", []string{in.folder("hollow")}, []string{"hollow", "empty folder"}},
		{"link to nothing", []string{in.link("dangling")}, []string{"dangling", "link to nothing"}},
		{"second one missing", []string{text, in.none("none.txt")}, []string{"none.txt"}},
	} {
		for command, args := range map[string][]string{
			"train":      quick("@", "--vocab-size", "30"),
			"validation": quick("@", "--corpus", text, "--vocab-size", "30"),
			"prepare":    {"prepare", "--out", "@", "--vocab-size", "30", "--quiet"},
			"eval":       {"eval", "--checkpoint", run},
		} {
			for _, path := range bad.args {
				flag := "--corpus"
				if command == "validation" {
					flag = "--valid"
				}
				args = append(args, flag, path)
			}
			t.Run(bad.name+", "+command, func(t *testing.T) { badInput{args: args, says: bad.says}.check(t) })
		}
	}
	short := in.file("short.txt", "Two words.\n\nThree more words.\n")
	for _, bad := range []badInput{
		{"vocabulary too large for the text", quick("@", "--corpus", short, "--vocab-size", "5000"), []string{"vocabulary", "short.txt", "5000"}},
		{"short corpus", quick("@", "--corpus", short, "--valid", text, "--vocab-size", "20"), []string{"short.txt: found", "tokens, expected at least 29"}},
		{"nothing left to validate on", quick("@", "--corpus", short, "--vocab-size", "20"), []string{"short.txt: found 2 documents"}},
		{"short validation text", quick("@", "--corpus", text, "--valid", short, "--vocab-size", "30"), []string{"short.txt: found", "tokens, expected at least 29"}},
		{"validation text alone", quick("@", "--valid", text), []string{"valid", "no corpus given"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}

// link makes a symbolic link to nothing.
func (in inputs) link(name string) string {
	path := filepath.Join(in.dir, name)
	if err := os.Symlink("nowhere", path); err != nil {
		in.t.Fatal(err)
	}
	return path
}

func TestBadVocabulary(t *testing.T) {
	skipShort(t)
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	shards, run := in.none("shards"), in.none("run")
	for _, args := range [][]string{
		{"prepare", "--corpus", text, "--out", shards, "--vocab-size", "30", "--quiet"},
		quick(run, "--corpus", shards),
	} {
		if code, _, errs := invoke(args...); code != exit.Done {
			t.Fatal(errs)
		}
	}
	small := in.file("small", goodVocab)
	for _, bad := range []badInput{
		{"missing", []string{in.none("none")}, []string{"none", "nothing there"}},
		{"empty", []string{in.file("v0", "")}, []string{"v0", "no tokens"}},
		{"folder", []string{in.folder("v")}, []string{"v: ", "folder"}},
		{"text", []string{text}, []string{"good.txt:1", "white space"}},
		{"duplicate token", []string{in.file("v1", goodVocab+"the\n")}, []string{"v1:7", `"the"`, "line 6"}},
		{"without [PAD]", []string{in.file("v2", strings.Replace(goodVocab, "[PAD]\n", "", 1))}, []string{"v2", "[PAD]"}},
		{"without [UNK]", []string{in.file("v3", strings.Replace(goodVocab, "[UNK]\n", "", 1))}, []string{"v3", "[UNK]"}},
		{"without [CLS]", []string{in.file("v4", strings.Replace(goodVocab, "[CLS]\n", "", 1))}, []string{"v4", "[CLS]"}},
		{"without [SEP]", []string{in.file("v5", strings.Replace(goodVocab, "[SEP]\n", "", 1))}, []string{"v5", "[SEP]"}},
		{"without [MASK]", []string{in.file("v6", strings.Replace(goodVocab, "[MASK]\n", "", 1))}, []string{"v6", "[MASK]"}},
	} {
		for command, args := range map[string][]string{
			"train":   quick("@", "--corpus", text, "--vocab", bad.args[0]),
			"prepare": {"prepare", "--corpus", text, "--out", "@", "--quiet", "--vocab", bad.args[0]},
			"eval":    {"eval", "--checkpoint", run, "--vocab", bad.args[0]},
		} {
			t.Run(bad.name+", "+command, func(t *testing.T) { badInput{args: args, says: bad.says}.check(t) })
		}
	}
	for _, bad := range []badInput{
		{"another than the shards'", quick("@", "--corpus", shards, "--vocab", small), []string{"index.json", "30 tokens", "6 tokens"}},
		{"another than the checkpoint's", []string{"eval", "--checkpoint", run, "--vocab", small}, []string{"6 tokens", "30 tokens"}},
		{"another size than asked for", quick("@", "--corpus", text, "--vocab", small, "--vocab-size", "99"), []string{"small", "6 tokens", "99"}},
		{"another size than asked for, shards", quick("@", "--corpus", shards, "--vocab-size", "99"), []string{"shards", "30 tokens", "99"}},
		{"another size than asked for, prepare", []string{"prepare", "--corpus", text, "--out", "@", "--vocab", small, "--vocab-size", "99"}, []string{"small", "6 tokens", "99"}},
		{"another size than the run's", []string{"train", "--resume", "--output-dir", run, "--quiet", "--vocab-size", "99"}, []string{"vocab_size", "99", "30"}},
		{"more than the text gives", quick("@", "--corpus", text, "--vocab-size", "9999"), []string{"vocabulary", "9999"}},
		{"without a corpus", quick("@", "--vocab", small), []string{"vocab", "no corpus given"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
}

func TestBadFolders(t *testing.T) {
	skipShort(t)
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	full := in.folder("full")
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run := in.none("run")
	if code, _, errs := invoke(quick(run)...); code != exit.Done {
		t.Fatal(errs)
	}
	resume := func(dir string, more ...string) []string {
		return append([]string{"train", "--resume", "--quiet", "--output-dir", dir}, more...)
	}
	for _, bad := range []badInput{
		{"not empty", quick(full), []string{"full", "not empty"}},
		{"not empty, prepare", []string{"prepare", "--corpus", text, "--out", full}, []string{"full", "holds x"}},
		{"a file", quick(text), []string{"good.txt"}},
		{"a file, prepare", []string{"prepare", "--corpus", text, "--out", text}, []string{"good.txt", "no folder"}},
		{"below a file", quick(filepath.Join(text, "run")), []string{"good.txt"}},
		{"no run to resume", resume(in.none("gone")), []string{"gone"}},
		{"no folder to resume", []string{"train", "--resume"}, []string{"output_dir"}},
		{"resume a file", resume(text), []string{"good.txt"}},
		{"resume what is no run", resume(full), []string{"full", "config.yaml"}},
		{"resume with another rate", resume(run, "--lr", "0.5"), []string{"learning_rate", "0.5"}},
		{"resume with another seed", resume(run, "--seed", "9"), []string{"seed", "9"}},
		{"resume with another shape", resume(run, "--ffn", "96"), []string{"ffn", "96", "64"}},
		{"resume with other steps", resume(run, "--max-steps", "60"), []string{"max_steps", "60", "6"}},
		{"resume by epochs", resume(run, "--epochs", "2"), []string{"epochs", "2"}},
		{"resume with another corpus", resume(run, "--corpus", text), []string{"corpus", "good.txt"}},
		{"eval of nothing", []string{"eval", "--checkpoint", in.none("gone")}, []string{"gone"}},
		{"eval of a file", []string{"eval", "--checkpoint", text}, []string{"good.txt"}},
		{"inspect what is no run", []string{"inspect", "--checkpoint", full}, []string{"full"}},
		{"inspect no tensor", []string{"inspect", "--checkpoint", run, "--tensor", "x"}, []string{`"x"`}},
		{"inspect a dense tensor", []string{"inspect", "--checkpoint", run, "--tensor", "bert.pooler.dense.bias"}, []string{"bert.pooler.dense.bias"}},
		{"picture in no folder", []string{"inspect", "--checkpoint", run, "--png", in.none("gone/x.png")}, []string{"gone/x.png"}},
	} {
		t.Run(bad.name, func(t *testing.T) { bad.check(t) })
	}
	if _, err := os.Stat("/proc/self"); err == nil { // where nobody can write, not even root
		for _, args := range [][]string{quick("/proc/none"), {"prepare", "--corpus", text, "--out", "/proc/none"}} {
			t.Run("not writable, "+args[0], func(t *testing.T) { badInput{args: args, says: []string{"/proc", "writ"}}.check(t) })
		}
	}
}

// A run folder that another process works in is refused, and left as it was.
func TestFolderInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if code, _, errs := invoke(quick(dir)...); code != exit.Done {
		t.Fatal(errs)
	}
	lock, err := checkpoint.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	before := tree(t, dir)
	badInput{args: []string{"train", "--resume", "--output-dir", dir}, says: []string{dir, "in use"}}.check(t)
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("the folder went from %v to %v", before, after)
	}
}

// A signal ends every command with the signal's exit code, whatever it does.
func TestStoppedCommands(t *testing.T) {
	in := newInputs(t)
	text := in.file("good.txt", goodText)
	trained := in.none("run")
	if code, _, errs := invoke(quick(trained, "--corpus", text, "--vocab-size", "30")...); code != exit.Done {
		t.Fatal(errs)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(exit.Signal{Name: "SIGTERM", Code: exit.SIGTERM})
	for _, args := range [][]string{
		quick(in.none("new"), "--corpus", text, "--vocab-size", "30"),
		{"prepare", "--corpus", text, "--out", in.none("shards"), "--vocab-size", "30"},
		{"eval", "--checkpoint", trained},
		{"verify"},
	} {
		var out, errs bytes.Buffer
		if code := run(ctx, append([]string{"sparsebert-gpu"}, args...), &out, &errs); code != exit.SIGTERM {
			t.Errorf("%s: exit code %d, expected %d: %s", args[0], code, exit.SIGTERM, errs.String())
		}
	}
}
