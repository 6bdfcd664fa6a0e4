package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/vbauerster/mpb/v8"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A sweep that is stopped with runs half way closes all of its bars.
func TestSweepBars(t *testing.T) {
	file, err := sweep.Load(tinySweep(t))
	if err != nil {
		t.Fatal(err)
	}
	runs, err := file.Runs(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := newSweepWatch(zerolog.Nop(), &out, runs, train.Config{})
	w.drawOn(&out, mpb.WithAutoRefresh())
	for i, r := range runs {
		plan, err := train.NewPlan(t.Context(), r.Config, nil)
		if err != nil {
			t.Fatal(err)
		}
		one := w.Running(r)
		one.Started(plan, "run", 2)
		one.Stepped(3, 6, 1)
		if i > 0 {
			break // stopped here
		}
		for step := int64(4); step <= 6; step++ {
			one.Stepped(step, 6, 1)
		}
		one.Evaluated(metrics.Eval{Step: 6, MLMLoss: 1.25})
		loss := 1.25
		w.Finished(r, sweep.Result{Name: r.Name, Status: sweep.Done, MLMLoss: &loss}, true)
	}
	w.total.Current()                  // the bar has seen the last step
	time.Sleep(300 * time.Millisecond) // and has been drawn
	closed := make(chan bool)
	go func() { w.close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Fatal("the bars do not close")
	}
	for _, want := range []string{"1 of 2 runs", "run=g-static", "mlm_loss=1.2500", "g-dynamic", "running"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("found %q, expected %q in it", out.String(), want)
		}
	}
}

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
