package cpu

import (
	"sync"
	"sync/atomic"
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
	for v := range p.threads {
		r := &p.ranges[(w+v)%p.threads]
		for i := r.next.Add(1) - 1; i < r.end; i = r.next.Add(1) - 1 {
			p.job.task(w, int(i))
		}
	}
}

// run does all n pieces of a job and returns when the last one is finished.
func (p *pool) run(n int, job tasks) {
	helpers := min(n-1, len(p.wake))
	if helpers <= 0 {
		for i := range n {
			job.task(0, i)
		}
		return
	}
	p.job = job
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
