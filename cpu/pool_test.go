package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// countedTasks is a job that notes who did what. before, if set, runs before each task.
type countedTasks struct {
	t       *testing.T
	threads int
	before  func(w, i int)
	times   []int // without a lock: the race detector sees a task done twice
	busy    []atomic.Bool
	byWhom  [][]int // of each thread, in its order
}

func newCountedTasks(t *testing.T, threads, n int) *countedTasks {
	return &countedTasks{t: t, threads: threads, times: make([]int, n), busy: make([]atomic.Bool, threads), byWhom: make([][]int, threads)}
}

func (p *countedTasks) task(w, i int) {
	if w < 0 || w >= p.threads || i < 0 || i >= len(p.times) {
		p.t.Errorf("found thread %d and task %d, expected less than %d and %d", w, i, p.threads, len(p.times))
		return
	}
	if p.busy[w].Swap(true) {
		p.t.Errorf("thread %d: found two tasks at a time, expected one: they share its scratch", w)
	}
	if p.before != nil {
		p.before(w, i)
	}
	p.times[i]++
	p.byWhom[w] = append(p.byWhom[w], i)
	p.busy[w].Store(false)
}

// once checks that every task was done once.
func (p *countedTasks) once() {
	p.t.Helper()
	for i, n := range p.times {
		if n != 1 {
			p.t.Errorf("%d threads, task %d of %d: found it done %d times, expected once", p.threads, i, len(p.times), n)
		}
	}
}

// finish runs a job that hangs if nobody helps, and says so instead of hanging.
func (p *countedTasks) finish(pool *pool) {
	p.t.Helper()
	done := make(chan struct{})
	go func() {
		pool.run(len(p.times), p)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		p.t.Fatalf("%d threads, %d tasks: found no end after a minute", p.threads, len(p.times))
	}
}

// One pool runs jobs of every size one after the other: nothing stays of the last.
func TestPoolDoesEachTaskOnce(t *testing.T) {
	for threads := 1; threads <= 6; threads++ {
		pool := newPool(threads)
		for round := range 8 {
			for n := range 51 {
				if round%2 == 1 {
					n = 50 - n
				}
				job := newCountedTasks(t, threads, n)
				if round >= 4 { // other orders of events
					job.before = func(int, int) { runtime.Gosched() }
				}
				pool.run(n, job)
				job.once()
				if pool.job != nil {
					t.Fatalf("after a run: found a job, expected none")
				}
			}
		}
		pool.close()
	}
}

// While one task waits for all others, those of its thread's range are done by other
// threads.
func TestPoolHelpsASlowThread(t *testing.T) {
	for threads := 2; threads <= 6; threads++ {
		pool := newPool(threads)
		for n := 2; n <= 50; n++ {
			for _, slow := range []int{0, n / 2, n - 1} {
				job := newCountedTasks(t, threads, n)
				var others sync.WaitGroup
				others.Add(n - 1)
				job.before = func(_, i int) {
					if i == slow {
						others.Wait()
					} else {
						others.Done()
					}
				}
				job.finish(pool)
				job.once()
			}
		}
		pool.close()
	}
}

// Each thread begins with its own range, neighboring tasks in order: caches count on it. No
// thread gets further than its first task before all have begun, so none can be helped.
func TestPoolGivesEachThreadARange(t *testing.T) {
	for threads := 1; threads <= 6; threads++ {
		pool := newPool(threads)
		for n := threads; n <= 50; n++ {
			job := newCountedTasks(t, threads, n)
			var begun sync.WaitGroup
			begun.Add(threads)
			first := make([]bool, threads)
			job.before = func(w, _ int) {
				if !first[w] {
					first[w] = true
					begun.Done()
					begun.Wait()
				}
			}
			job.finish(pool)
			job.once()
			for w, did := range job.byWhom {
				if len(did) == 0 || did[0] != n*w/threads {
					t.Fatalf("%d threads, %d tasks, thread %d: found tasks %v, expected %d first", threads, n, w, did, n*w/threads)
				}
				last := make([]int, threads)
				for _, i := range did {
					v := ((i+1)*threads - 1) / n // the range of task i
					if i < last[v] {
						t.Errorf("%d threads, %d tasks, thread %d: found order %v, expected each range in order", threads, n, w, did)
					}
					last[v] = i
				}
			}
		}
		pool.close()
	}
}
