// Package feed makes the batches of coming steps while the device computes.
package feed

import (
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Options say what a run's steps need.
type Options struct {
	Done, Steps  int64 // finished steps, and those of the whole run
	Accumulation int   // micro-batches in a step
	First, Own   int   // those of them that are made: Own from First on; Own 0: all
	BatchSize    int   // sequences in a micro-batch
	SeqLen       int
	MaxMasked    int // slots for masked tokens in a sequence
}

// Feed has one step's batches in use, one step's ready, and one step's being made.
// A step's examples follow from its number alone, so nothing of the feed goes into
// a checkpoint.
type Feed struct {
	ready chan []*corpus.Batch
	spare chan []*corpus.Batch
	quit  chan struct{}
	used  []*corpus.Batch
	ahead []*corpus.Batch // of the step after, if Peek found them
	views []model.Batch
}

// stepsAhead is how many steps' batches exist at once.
const stepsAhead = 3

// New starts making batches of a data set, the first for the step after o.Done
// finished ones.
func New(d *corpus.Dataset, o Options) *Feed {
	if o.Own == 0 {
		o.Own = o.Accumulation
	}
	f := &Feed{
		ready: make(chan []*corpus.Batch, stepsAhead), spare: make(chan []*corpus.Batch, stepsAhead),
		quit: make(chan struct{}), views: make([]model.Batch, o.Own),
	}
	for range stepsAhead {
		micro := make([]*corpus.Batch, o.Own)
		for i := range micro {
			micro[i] = corpus.NewBatch(o.BatchSize, o.SeqLen, o.MaxMasked)
		}
		f.spare <- micro
	}
	go f.fill(d, o)
	return f
}

// fill runs until Stop or the end of the run.
func (f *Feed) fill(d *corpus.Dataset, o Options) {
	for done := o.Done; done < o.Steps; done++ {
		select {
		case micro := <-f.spare:
			first := done*int64(o.BatchSize*o.Accumulation) + int64(o.First*o.BatchSize)
			for i, b := range micro {
				d.Train(b, first+int64(i*o.BatchSize))
			}
			f.ready <- micro
		case <-f.quit:
			return
		}
	}
}

// Next returns the micro-batches of the next step, valid until the call after.
// It must not be called more often than there are steps left.
func (f *Feed) Next() []model.Batch {
	if f.used != nil {
		f.spare <- f.used
	}
	if f.used, f.ahead = f.ahead, nil; f.used == nil {
		f.used = <-f.ready
	}
	for i, b := range f.used {
		f.views[i] = View(b)
	}
	return f.views
}

// Peek returns the first micro-batch of the step after the one in use, if it is
// made already, else nil. It stays valid until that step is done.
func (f *Feed) Peek() *model.Batch {
	if f.ahead == nil {
		select {
		case f.ahead = <-f.ready:
		default:
			return nil
		}
	}
	b := View(f.ahead[0])
	return &b
}

// Stop ends the filling; the feed must not be used afterwards.
func (f *Feed) Stop() { close(f.quit) }

// View is the model's view of a corpus batch; nothing is copied.
func View(b *corpus.Batch) model.Batch {
	return model.Batch{
		Size: b.Size, IDs: b.IDs, Segments: b.Segments, Lengths: b.Lengths,
		MaskedPos: b.MaskedPos, MaskedLabels: b.MaskedLabels, NSPLabels: b.NSPLabels,
	}
}
