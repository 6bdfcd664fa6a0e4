package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/train"
)

// On a terminal the lines that follow the last step, the evaluation's and the
// checkpoint's, are shown too.
func TestBarKeepsTheLastLines(t *testing.T) {
	var out bytes.Buffer
	w := newWatcher(zerolog.Nop(), &out, train.Config{})
	w.drawOn(&out, mpb.WithAutoRefresh())
	w.addBar(1, 3)
	w.Stepped(2, 3, 1.5)
	w.Stepped(3, 3, 1.25)
	w.bar.Current() // the bar has seen the last step
	w.Logged(metrics.Train{Step: 3})
	w.Evaluated(metrics.Eval{Step: 3})
	w.Saved("run/checkpoints/step-3")
	w.close()
	for _, want := range []string{"step 3/3", "loss 1.250", "train", "eval", "run/checkpoints/step-3"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("found %q, expected %q in it", out.String(), want)
		}
	}
}
