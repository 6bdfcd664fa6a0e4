package feed_test

import (
	"reflect"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/train/internal/feed"
)

// demo is the training set of the demo corpus.
func demo(t *testing.T) *corpus.Dataset {
	t.Helper()
	store, _, vocab, err := corpus.DemoStore(1)
	if err != nil {
		t.Fatal(err)
	}
	d, err := corpus.NewDataset(store, vocab, corpus.DatasetOptions{SeqLen: 32, MLMProbability: 0.15, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A feed hands over the examples of each step's number, wherever it begins, and
// Peek tells of the step that Next then gives.
func TestFeed(t *testing.T) {
	d := demo(t)
	const micro, size, masked = 2, 3, 7
	want := corpus.NewBatch(size, 32, masked)
	for _, begin := range []int64{0, 4} {
		f := feed.New(d, feed.Options{Done: begin, Steps: 8, Accumulation: micro, BatchSize: size, SeqLen: 32, MaxMasked: masked})
		peeked := 0
		for step := begin; step < 8; step++ {
			got := f.Next()
			if len(got) != micro {
				t.Fatalf("step %d: found %d micro-batches, expected %d", step, len(got), micro)
			}
			for i, b := range got {
				d.Train(want, step*micro*size+int64(i*size))
				if !reflect.DeepEqual(b, feed.View(want)) {
					t.Fatalf("step %d, micro-batch %d: found other examples than those of its number", step, i)
				}
			}
			if step == 7 {
				break
			}
			if next := f.Peek(); next != nil {
				peeked++
				d.Train(want, (step+1)*micro*size)
				if !reflect.DeepEqual(*next, feed.View(want)) {
					t.Fatalf("step %d: found other examples ahead than those of the next step", step)
				}
			}
		}
		f.Stop()
		t.Logf("from step %d: %d of %d steps were ready ahead", begin, peeked, 7-begin)
	}
}

// A process of several makes its own micro-batches of each step.
func TestPart(t *testing.T) {
	d := demo(t)
	o := feed.Options{Steps: 3, Accumulation: 6, BatchSize: 2, SeqLen: 32, MaxMasked: 7}
	whole := feed.New(d, o)
	defer whole.Stop()
	o.First, o.Own = 2, 3
	part := feed.New(d, o)
	defer part.Stop()
	for step := range 3 {
		if all, own := whole.Next(), part.Next(); !reflect.DeepEqual(own, all[2:5]) {
			t.Fatalf("step %d: found other micro-batches than those of the place", step)
		}
	}
}

// A feed may be stopped at any time.
func TestStop(t *testing.T) {
	f := feed.New(demo(t), feed.Options{Steps: 1 << 40, Accumulation: 1, BatchSize: 1, SeqLen: 32, MaxMasked: 7})
	f.Next()
	f.Stop()
}
