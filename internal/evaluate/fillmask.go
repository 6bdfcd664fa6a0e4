package evaluate

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// Filling says what is filled in, and how it is written.
type Filling struct {
	Checkpoint string // step-N folder, run folder or Hugging Face folder
	Top        int    // tokens for each [MASK]
	JSON       bool   // one object a text, a line each
	Device     string
	Precision  string
	Threads    int
	Open       train.Opener
	// Warn is told what of the weights is read in another way than it is there.
	Warn func(text string)
}

// Fill writes to w the likeliest tokens for each [MASK] of the texts that next returns,
// until it says that there are no more. Each text's are written before the next is
// asked for.
func Fill(w io.Writer, o Filling, next func() (text string, ok bool, err error)) (err error) {
	change := Options{Device: o.Device, Precision: o.Precision, Threads: o.Threads}.change
	f, err := train.OpenFiller(o.Checkpoint, o.Open, change)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	for _, text := range f.Warnings {
		o.Warn(text)
	}
	for {
		text, ok, err := next()
		if err != nil || !ok {
			return err
		}
		filled, err := f.Fill(text, o.Top)
		if err != nil {
			return err
		}
		if err := write(w, o.JSON, text, filled); err != nil {
			return err
		}
	}
}

// write writes what was filled into one text.
func write(w io.Writer, asJSON bool, text string, filled []train.Filled) error {
	if asJSON {
		type token struct {
			Token       string  `json:"token"`
			ID          int32   `json:"id"`
			Probability float64 `json:"probability"`
		}
		type mask struct {
			Position int     `json:"position"`
			Tokens   []token `json:"tokens"`
		}
		out := struct {
			Text  string `json:"text"`
			Masks []mask `json:"masks"`
		}{Text: text}
		for _, f := range filled {
			m := mask{Position: f.Position}
			for _, t := range f.Tokens {
				m.Tokens = append(m.Tokens, token(t))
			}
			out.Masks = append(out.Masks, m)
		}
		line, err := json.Marshal(out)
		if err != nil {
			return fmt.Errorf("encode as JSON: %w", err)
		}
		_, err = fmt.Fprintf(w, "%s\n", line)
		return err
	}
	if _, err := fmt.Fprintln(w, text); err != nil {
		return err
	}
	for i, f := range filled {
		if len(filled) > 1 {
			if _, err := fmt.Fprintf(w, "[MASK] %d of %d\n", i+1, len(filled)); err != nil {
				return err
			}
		}
		for _, t := range f.Tokens {
			if _, err := fmt.Fprintf(w, "%8.2f %%  %s\n", 100*t.Probability, t.Token); err != nil {
				return err
			}
		}
	}
	return nil
}
