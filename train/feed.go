package train

import (
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// feed makes the batches of coming steps while the device computes: one step is
// in use, one is ready, one is being made. A step's examples follow from its
// number alone, so nothing of the feed goes into a checkpoint.
type feed struct {
	ready chan []*corpus.Batch
	spare chan []*corpus.Batch
	quit  chan struct{}
	used  []*corpus.Batch
	ahead []*corpus.Batch // of the step after, if peek found them
	views []model.Batch
}

// stepsAhead is how many steps' batches exist at once.
const stepsAhead = 3

// newFeed starts making batches, the first for the step after `done` finished
// ones.
func newFeed(p *Plan, done int64) *feed {
	c := &p.Config
	f := &feed{
		ready: make(chan []*corpus.Batch, stepsAhead), spare: make(chan []*corpus.Batch, stepsAhead),
		quit: make(chan struct{}), views: make([]model.Batch, c.Accumulation),
	}
	for range stepsAhead {
		micro := make([]*corpus.Batch, c.Accumulation)
		for i := range micro {
			micro[i] = corpus.NewBatch(c.BatchSize, c.SeqLen, c.maxMasked())
		}
		f.spare <- micro
	}
	go f.fill(p, done)
	return f
}

// fill runs until stop or the end of the run.
func (f *feed) fill(p *Plan, done int64) {
	c := &p.Config
	for ; done < c.MaxSteps; done++ {
		select {
		case micro := <-f.spare:
			first := done * int64(c.BatchSize*c.Accumulation)
			for i, b := range micro {
				p.Data.Train.Train(b, first+int64(i*c.BatchSize))
			}
			f.ready <- micro
		case <-f.quit:
			return
		}
	}
}

// next returns the micro-batches of the next step, valid until the call after.
// It must not be called more often than there are steps left.
func (f *feed) next() []model.Batch {
	if f.used != nil {
		f.spare <- f.used
	}
	if f.used, f.ahead = f.ahead, nil; f.used == nil {
		f.used = <-f.ready
	}
	for i, b := range f.used {
		f.views[i] = modelBatch(b)
	}
	return f.views
}

// peek returns the first micro-batch of the step after the one in use, if it is
// made already, else nil. It stays valid until that step is done.
func (f *feed) peek() *model.Batch {
	if f.ahead == nil {
		select {
		case f.ahead = <-f.ready:
		default:
			return nil
		}
	}
	b := modelBatch(f.ahead[0])
	return &b
}

// stop ends the filling; the feed must not be used afterwards.
func (f *feed) stop() { close(f.quit) }

// modelBatch is the model's view of a corpus batch; nothing is copied.
func modelBatch(b *corpus.Batch) model.Batch {
	return model.Batch{
		Size: b.Size, IDs: b.IDs, Segments: b.Segments, Lengths: b.Lengths,
		MaskedPos: b.MaskedPos, MaskedLabels: b.MaskedLabels, NSPLabels: b.NSPLabels,
	}
}
