package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/exit"
	"github.com/sparsebert/sparsebert-gpu/internal/oracle"
	"github.com/sparsebert/sparsebert-gpu/internal/reference"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// filling is a line of fill-mask --json.
type filling struct {
	Text  string
	Masks []struct {
		Position int
		Tokens   []struct {
			Token       string
			ID          int32
			Probability float64
		}
	}
}

// fillings parses the lines of fill-mask --json.
func fillings(t *testing.T, out string) []filling {
	t.Helper()
	var all []filling
	for line := range strings.Lines(out) {
		var f filling
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, f)
	}
	return all
}

// probabilities are those of some tokens for the token at a position of a text, by the oracle:
// exp of minus the loss with the token for the label. Nothing of it is the program's own forward.
func probabilities(t *testing.T, run, text string, position int, tokens []int32) []float64 {
	t.Helper()
	open := func(string, string, int) (backend.Backend, error) { return reference.New(), nil }
	m, trained, err := train.LoadModel(run, open, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Backend().Close()
	v, err := corpus.NewVocab(trained.Vocab)
	if err != nil {
		t.Fatal(err)
	}
	ids := append(corpus.NewTokenizer(v).Append([]int32{v.Cls()}, text), v.Sep())
	s := len(ids)
	out := make([]float64, len(tokens))
	for i, token := range tokens {
		in, err := oracle.InputOf(m, model.Batch{
			Size: 1, IDs: ids, Segments: make([]int32, s), Lengths: []int32{int32(s)},
			MaskedPos: []int32{int32(position)}, MaskedLabels: []int32{token}, NSPLabels: []int32{-1},
		})
		if err != nil {
			t.Fatal(err)
		}
		in.SeqLen = s
		res, err := oracle.Run(in)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = math.Exp(-res.MLMLoss)
	}
	return out
}

// What fill-mask prints is what an independent forward in float64 gives, on the CPU and the
// simulated GPU, from a checkpoint and from the folder that it is exported to.
func TestFillMask(t *testing.T) {
	run, folder := exported(t, "--method", "dynamic", "--learning-rate", "0.01", "--max-steps", "12")
	const text = "the old [MASK] went [MASK]."
	var first []filling
	for _, c := range [][]string{{"--checkpoint", run, "--device", "cpu"}, {"--checkpoint", run, "--device", "sim"}, {"--checkpoint", folder, "--device", "cpu"}} {
		out := fillings(t, done(t, append([]string{"fill-mask", text, "--top", "4", "--json"}, c...)...))
		if len(out) != 1 || out[0].Text != text || len(out[0].Masks) != 2 {
			t.Fatalf("%v: found %+v, expected one text with two masks", c, out)
		}
		for _, mask := range out[0].Masks {
			if len(mask.Tokens) != 4 {
				t.Fatalf("%v: found %d tokens, expected 4", c, len(mask.Tokens))
			}
			var ids []int32
			for _, x := range mask.Tokens {
				ids = append(ids, x.ID)
			}
			for i, want := range probabilities(t, run, text, mask.Position, ids) {
				if got := mask.Tokens[i]; !(math.Abs(got.Probability-want) <= 1e-4*want) {
					t.Errorf("%v: %q at %d: found probability %v, expected %v", c, got.Token, mask.Position, got.Probability, want)
				}
			}
			if !slices.IsSortedFunc(mask.Tokens, func(a, b struct {
				Token       string
				ID          int32
				Probability float64
			}) int {
				return int(math.Copysign(1, b.Probability-a.Probability))
			}) {
				t.Errorf("%v: found %+v, expected the likeliest first", c, mask.Tokens)
			}
		}
		if first == nil {
			first = out
		}
		if fmt.Sprint(first[0].Masks[0].Tokens[0].Token) != out[0].Masks[0].Tokens[0].Token {
			t.Errorf("%v: found %q, expected %q", c, out[0].Masks[0].Tokens[0].Token, first[0].Masks[0].Tokens[0].Token)
		}
	}

	// All tokens together have probability 1, and more masks than one pass takes are filled too.
	many := strings.Repeat("[MASK] ", 20)
	all := fillings(t, done(t, "fill-mask", "--checkpoint", run, "--device", "cpu", "--top", "100000", "--json", many))
	if len(all[0].Masks) != 20 {
		t.Fatalf("found %d masks, expected 20", len(all[0].Masks))
	}
	for _, mask := range all[0].Masks {
		sum := 0.0
		for _, x := range mask.Tokens {
			sum += x.Probability
		}
		if len(mask.Tokens) != 1024 || !(math.Abs(sum-1) <= 1e-9) {
			t.Errorf("found %d tokens with probability %v together, expected 1024 with 1", len(mask.Tokens), sum)
		}
	}
	if got := probabilities(t, run, many, all[0].Masks[18].Position, []int32{all[0].Masks[18].Tokens[0].ID}); !(math.Abs(got[0]-all[0].Masks[18].Tokens[0].Probability) <= 1e-4*got[0]) {
		t.Errorf("the 19th mask: found probability %v, expected %v", all[0].Masks[18].Tokens[0].Probability, got[0])
	}

	out := done(t, "fill-mask", "--checkpoint", run, "--device", "cpu", "-k", "2", "a [MASK].", text)
	if n := strings.Count(out, " %  "); n != 2+4 || !strings.Contains(out, "[MASK] 2 of 2\n") || !strings.HasPrefix(out, "a [MASK].\n") {
		t.Errorf("found %q, expected two texts with two tokens for each mask", out)
	}
	in := newInputs(t)
	for says, args := range map[string][]string{
		"no [MASK]":           {"--checkpoint", run, "nothing to fill"},
		"expected at most 32": {"--checkpoint", run, strings.Repeat("word ", 40) + "[MASK]"},
		"--top: found 0":      {"--checkpoint", run, "--top", "0", "[MASK]"},
		"no --checkpoint":     {"[MASK]"},
		"invalid UTF-8 in":    {"--checkpoint", run, "caf\xe9 [MASK]"},
		"nor is it":           {"--checkpoint", in.folder("empty"), "[MASK]"},
	} {
		if code, _, errs := invoke(append([]string{"fill-mask", "--device", "cpu"}, args...)...); code != exit.Usage || !strings.Contains(errs, says) {
			t.Errorf("%v: found exit code %d and %q, expected %d and %q", args, code, errs, exit.Usage, says)
		}
	}
}

// Standard input is answered line by line; blank lines are none, and a bad one is named.
func TestFillMaskLines(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	done(t, quick(run)...)
	var out, errs bytes.Buffer
	app := newApp(&out, &errs)
	app.Reader = strings.NewReader("a [MASK] b\n\n[MASK] c\r\nnone\n[MASK] d\n")
	err := app.RunContext(context.Background(), []string{"sparsebert-gpu", "fill-mask", "--checkpoint", run, "--device", "cpu", "--json"})
	if got := fillings(t, out.String()); len(got) != 2 || got[1].Text != "[MASK] c" {
		t.Errorf("found %+v, expected the texts of lines 1 and 3", got)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "standard input:4: found no [MASK]") || exit.Code(err) != exit.Usage {
		t.Errorf("found error %v, expected one that names line 4", err)
	}
}

// Ctrl-C ends the command while it waits for somebody to type.
func TestFillMaskStopsWaiting(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	typed, stopped := make(chan string, 1), errors.New("stopped")
	next := untilStopped(ctx, func() (string, bool, error) { return <-typed, true, nil })
	typed <- "a [MASK]"
	if text, ok, err := next(); text != "a [MASK]" || !ok || err != nil {
		t.Errorf("found %q, %v, %v, expected what was typed", text, ok, err)
	}
	cancel(stopped)
	if _, ok, err := next(); ok || !errors.Is(err, stopped) {
		t.Errorf("found %v, %v, expected that it was stopped", ok, err)
	}
}
