package corpus

import (
	"context"
	"os"
	"runtime"
	"sync"
)

// Progress is told how far a stage has come: done of total, in the stage's own
// unit (bytes of text, or shards). Calls come one at a time; done never falls
// within a stage.
type Progress func(stage string, done, total int64)

// report calls p unless it is nil.
func (p Progress) report(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// source calls yield for each document of a corpus, in order.
type source func(ctx context.Context, yield func(Document) error) error

// readFiles is the source of the documents in files. Progress counts bytes of
// text, no more for a file than its size on disk.
func readFiles(files []string, stage string, progress Progress) source {
	return func(ctx context.Context, yield func(Document) error) error {
		sizes := make([]int64, len(files))
		var total, before int64
		for i, file := range files {
			if info, err := os.Stat(file); err == nil { // reading it reports what is wrong
				sizes[i] = info.Size()
				total += sizes[i]
			}
		}
		for i, file := range files {
			var done int64
			err := ReadFile(ctx, file, func(d Document) error {
				for _, sentence := range d.Sentences {
					done += int64(len(sentence)) + 1
				}
				progress.report(stage, before+min(done, sizes[i]), total)
				return yield(d)
			})
			if err != nil {
				return err
			}
			before += sizes[i]
			progress.report(stage, before, total)
		}
		return nil
	}
}

// chunkBytes is how much text one call of work gets at least: enough to make
// handing it over cheap.
const chunkBytes = 64 << 10

// inOrder reads documents in one goroutine, works on chunks of them in threads
// others, each with its own worker number, and collects the results in reading
// order in the caller's. The first error of read or collect, or the end of ctx,
// stops it; all goroutines have ended when it returns.
func inOrder[T any](ctx context.Context, threads int, read source, work func(worker int, docs []Document) T, collect func(T) error) error {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type job struct {
		docs []Document
		out  chan T
	}
	jobs := make(chan job, threads)
	order := make(chan chan T, 2*threads)
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			for j := range jobs {
				j.out <- work(w, j.docs)
			}
		})
	}
	var readErr error
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		var docs []Document
		size := 0
		flush := func() error {
			// The job goes first: what is in order is sure to be worked on.
			j := job{docs, make(chan T, 1)}
			docs, size = nil, 0
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
		readErr = read(ctx, func(d Document) error {
			docs = append(docs, d)
			for _, sentence := range d.Sentences {
				size += len(sentence)
			}
			if size < chunkBytes {
				return nil
			}
			return flush()
		})
		if readErr == nil && len(docs) > 0 {
			readErr = flush()
		}
	})
	var collectErr error
	for out := range order {
		if result := <-out; collectErr == nil {
			if collectErr = collect(result); collectErr != nil {
				cancel(collectErr)
			}
		}
	}
	wg.Wait()
	if collectErr != nil {
		return collectErr
	}
	return readErr
}
