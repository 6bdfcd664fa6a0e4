package cpu

import (
	"runtime"
	"sync/atomic"

	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// tasks is an operation made of independent tasks. task runs task i on thread w. Tasks run at the
// same time and in any order, so each writes what no other task reads or writes. Scratch
// memory belongs to threads.
type tasks interface{ task(w, i int) }

// pool runs tasks on a fixed set of goroutines. The caller is thread 0. Each thread has a range
// of its own, in order, so that neighboring tasks meet in one cache. A thread that has finished
// its range helps the others.
type pool struct {
	threads    int
	wake       []*signal // of threads 1 ..
	closed     bool
	left       atomic.Int64 // threads at work but for the caller
	done       *signal      // none is left
	job        tasks
	subnormals bool // the job keeps them
	portable   bool // every job does
	ranges     []taskRange
}

// taskRange is a thread's tasks. It fills two cache lines, so that threads do not share one.
type taskRange struct {
	next atomic.Int64
	end  int64
	_    [14]int64
}

func newPool(threads int) *pool {
	p := &pool{threads: threads, ranges: make([]taskRange, threads)}
	// Spinning is of use only to threads that have a processor each.
	pauses := waitPauses
	if threads > runtime.GOMAXPROCS(0) {
		pauses = 0
	}
	p.done = newSignal(pauses)
	for w := 1; w < threads; w++ {
		p.wake = append(p.wake, newSignal(pauses))
		go p.serve(w, p.wake[w-1])
	}
	return p
}

func (p *pool) serve(w int, wake *signal) {
	for wake.wait(); !p.closed; wake.wait() {
		p.drain(w)
		if p.left.Add(-1) == 0 {
			p.done.set()
		}
	}
}

func (p *pool) drain(w int) {
	if !p.subnormals {
		defer kernel.Restore(kernel.FlushSubnormals())
	}
	for v := range p.threads {
		r := &p.ranges[(w+v)%p.threads]
		for i := r.next.Add(1) - 1; i < r.end; i = r.next.Add(1) - 1 {
			p.job.task(w, int(i))
		}
	}
}

// run does all n tasks of a job and returns when the last one is finished. Subnormals count as
// zeros in it where kernel.FlushSubnormals can do that, but on the portable path.
func (p *pool) run(n int, job tasks) { p.start(n, job, false) }

// runWithSubnormals is run, but subnormals are kept.
func (p *pool) runWithSubnormals(n int, job tasks) { p.start(n, job, true) }

func (p *pool) start(n int, job tasks, subnormals bool) {
	p.job, p.subnormals = job, subnormals || p.portable
	helpers := max(0, min(n-1, len(p.wake)))
	for w := range p.ranges {
		p.ranges[w].next.Store(int64(n * w / p.threads))
		p.ranges[w].end = int64(n * (w + 1) / p.threads)
	}
	p.left.Store(int64(helpers))
	for _, s := range p.wake[:helpers] {
		s.set()
	}
	p.drain(0)
	if helpers > 0 {
		p.done.wait()
	}
	p.job = nil
}

func (p *pool) close() {
	p.closed = true
	for _, s := range p.wake {
		s.set()
	}
	p.wake = nil
}
