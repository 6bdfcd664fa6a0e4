package cpu

import (
	"sync"
	"sync/atomic"

	"github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"
)

// tasks is an operation cut into pieces. task runs piece i on thread w. Pieces
// run at the same time and in any order, so each writes what no other piece
// reads or writes; scratch is per thread.
type tasks interface{ task(w, i int) }

// pool runs tasks on a fixed set of goroutines. The caller is thread 0. Each thread
// has a range of its own, in order, so that neighbouring pieces meet in one cache; who
// has finished helps the others.
type pool struct {
	threads int
	wake    []chan struct{} // of threads 1 ..
	done    sync.WaitGroup
	job     tasks
	exact   bool // subnormal numbers are kept
	ranges  []taskRange
}

// taskRange is a thread's pieces. It fills two cache lines, which threads would
// otherwise take from one another.
type taskRange struct {
	next atomic.Int64
	end  int64
	_    [14]int64
}

func newPool(threads int) *pool {
	p := &pool{threads: threads, wake: make([]chan struct{}, threads-1), ranges: make([]taskRange, threads)}
	for i := range p.wake {
		p.wake[i] = make(chan struct{}, 1)
		go p.serve(i+1, p.wake[i])
	}
	return p
}

func (p *pool) serve(w int, wake <-chan struct{}) {
	for range wake {
		p.drain(w)
		p.done.Done()
	}
}

func (p *pool) drain(w int) {
	if !p.exact {
		defer kernel.Restore(kernel.FlushSubnormals())
	}
	for v := range p.threads {
		r := &p.ranges[(w+v)%p.threads]
		for i := r.next.Add(1) - 1; i < r.end; i = r.next.Add(1) - 1 {
			p.job.task(w, int(i))
		}
	}
}

// run does all n pieces of a job and returns when the last one is finished. Numbers below
// 2^-126 count as zeros in it where kernel.FlushSubnormals can do that.
func (p *pool) run(n int, job tasks) { p.start(n, job, false) }

// runExact is run with all numbers.
func (p *pool) runExact(n int, job tasks) { p.start(n, job, true) }

func (p *pool) start(n int, job tasks, exact bool) {
	p.job, p.exact = job, exact
	helpers := max(0, min(n-1, len(p.wake)))
	for w := range p.ranges {
		p.ranges[w].next.Store(int64(n * w / p.threads))
		p.ranges[w].end = int64(n * (w + 1) / p.threads)
	}
	p.done.Add(helpers)
	for _, c := range p.wake[:helpers] {
		c <- struct{}{}
	}
	p.drain(0)
	p.done.Wait()
	p.job = nil
}

func (p *pool) close() {
	for _, c := range p.wake {
		close(c)
	}
	p.wake = nil
}
