package corpus

import (
	"context"
	"runtime"
	"sync"
)

// Progress is told how far a stage has come: done of total, in the stage's own
// unit (bytes of the files as they are on disk, tokens of a vocabulary, or shards).
// Calls come one at a time; done never falls within a stage.
type Progress func(stage string, done, total int64)

// report calls p unless it is nil.
func (p Progress) report(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// place is a place in a corpus between two documents.
type place struct {
	File     int   `json:"file"`
	Document int64 `json:"document"` // documents of that file before it
}

// source calls yield for each document of a corpus, in order, from a place on.
type source struct {
	read  func(ctx context.Context, from place, yield func(rawDocument) error) error
	field string // see Reading
	chunk int    // bytes of text that one call of work gets at least; 0: chunkBytes
}

// readFiles is the source of the documents in files.
func readFiles(files []*input, reading Reading, stage string, progress Progress) source {
	return source{field: reading.field(), read: func(ctx context.Context, from place, yield func(rawDocument) error) error {
		var total, before int64
		begun := false // a text without a document has no progress to tell
		for _, in := range files {
			total += in.size
		}
		for _, in := range files {
			if in.number < from.File {
				before += in.size
				continue
			}
			o, err := openText(in, reading)
			if err != nil {
				return err
			}
			err = o.read(ctx, reading.field(), func(d rawDocument) error {
				begun = true
				if d.file == from.File && d.number < from.Document {
					return nil
				}
				progress.report(stage, before+min(in.done.Load(), in.size), total)
				return yield(d)
			})
			if cerr := o.close(); err == nil && cerr != nil {
				err = unreadable(in.path, cerr, textFile)
			}
			if err != nil {
				return err
			}
			if before += in.size; begun {
				progress.report(stage, before, total)
			}
		}
		return nil
	}}
}

// The pipeline's units of work, in bytes of text. chunkBytes is how much text one
// call of work gets at least: enough to make handing it over cheap. Of what has been
// read and not been collected there is at most flightBytes, but for one chunk.
const (
	chunkBytes  = 64 << 10
	flightBytes = 192 << 20
)

// chunk is a number of consecutive documents.
type chunk struct {
	docs  []rawDocument
	bytes int
}

// inOrder reads documents in one goroutine, works on chunks of them in threads
// others, each with its own worker number, and collects the results in reading
// order in the caller's. The first error of read, work or collect, in the order of
// the documents, or the end of ctx, stops it; all goroutines have ended when it
// returns.
func inOrder[T any](ctx context.Context, threads int, from place, read source, work func(worker int, docs []rawDocument) (T, error), collect func(T) error) error {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type result struct {
		out   T
		err   error
		bytes int
	}
	type job struct {
		chunk
		out chan result
	}
	jobs := make(chan job, threads)
	order := make(chan chan result, 2*threads)
	flight := newGauge(flightBytes)
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			for j := range jobs {
				out, err := work(w, j.docs)
				j.out <- result{out, err, j.bytes}
			}
		})
	}
	least := read.chunk
	if least == 0 {
		least = chunkBytes
	}
	var readErr error
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		var next chunk
		flush := func() error {
			// The job goes first: what is in order is sure to be worked on.
			j := job{next, make(chan result, 1)}
			next = chunk{}
			flight.add(j.bytes)
			select {
			case jobs <- j:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			select {
			case order <- j.out:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			return nil
		}
		readErr = read.read(ctx, from, func(d rawDocument) error {
			next.docs = append(next.docs, d)
			if next.bytes += d.size(); next.bytes < least {
				return nil
			}
			return flush()
		})
		// What came before a fault in reading is worked on: a document in it may
		// have one, too, and would be the first.
		if len(next.docs) > 0 && ctx.Err() == nil {
			if err := flush(); readErr == nil {
				readErr = err
			}
		}
	})
	var collectErr error
	for out := range order {
		r := <-out
		flight.add(-r.bytes)
		if collectErr != nil {
			continue
		}
		if collectErr = r.err; collectErr == nil {
			collectErr = collect(r.out)
		}
		if collectErr != nil {
			cancel(collectErr)
		}
	}
	wg.Wait()
	if collectErr != nil {
		return collectErr
	}
	return readErr
}

// size is about the memory of the document's text, in bytes.
func (d *rawDocument) size() int {
	n := len(d.text)
	for _, sentence := range d.ready {
		n += len(sentence)
	}
	return n
}

// gauge holds back who would let a sum rise above a limit.
type gauge struct {
	mu    sync.Mutex
	fell  *sync.Cond
	sum   int
	limit int
}

func newGauge(limit int) *gauge {
	g := &gauge{limit: limit}
	g.fell = sync.NewCond(&g.mu)
	return g
}

// add waits until n can be added, or the sum is 0, which a larger n must do with.
func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for n > 0 && g.sum > 0 && g.sum+n > g.limit {
		g.fell.Wait()
	}
	if g.sum += n; n < 0 {
		g.fell.Broadcast()
	}
}
