// Interop is this program's side of the comparison with transformers: interop.py
// asks it for token ids, logits, losses and gradients. It reads JSON from standard
// input and writes JSON, or safetensors where there are many numbers.
//
//	interop tokens VOCAB             texts -> ids, without [CLS] and [SEP]
//	interop tokenizer VOCAB OUT      writes the tokenizer's files
//	interop forward CHECKPOINT OUT   batch -> logits and losses, float32 on the cpu
//	interop gradients CHECKPOINT OUT batch -> gradients in float64
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "tokens":
		return tokens(args[1], in, out)
	case len(args) == 3 && args[0] == "tokenizer":
		v, err := corpus.LoadVocab(args[1])
		if err != nil {
			return err
		}
		if err := os.MkdirAll(args[2], 0o777); err != nil {
			return err
		}
		return huggingface.WriteTokenizer(args[2], v, 512)
	case len(args) == 3 && (args[0] == "forward" || args[0] == "gradients"):
		var b batch
		if err := json.NewDecoder(in).Decode(&b); err != nil {
			return err
		}
		work := forward
		if args[0] == "gradients" {
			work = gradients
		}
		f, err := work(args[1], b)
		if err != nil {
			return err
		}
		return checkpoint.WriteFile(args[2], f)
	}
	return fmt.Errorf("found arguments %q, expected a line of the package comment", args)
}

// tokens tokenizes a JSON list of texts.
func tokens(vocab string, in io.Reader, out io.Writer) error {
	v, err := corpus.LoadVocab(vocab)
	if err != nil {
		return err
	}
	var texts []string
	if err := json.NewDecoder(in).Decode(&texts); err != nil {
		return err
	}
	t := corpus.NewTokenizer(v)
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i] = t.Append([]int32{}, text)
	}
	return json.NewEncoder(out).Encode(ids)
}
