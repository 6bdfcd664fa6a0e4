package collective_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
)

// together runs f on each rank of a group in a goroutine of its own.
func together(t *testing.T, w int, timeout time.Duration, f func(c collective.Communicator) error) []error {
	t.Helper()
	errs := make([]error, w)
	var wait sync.WaitGroup
	for i, c := range collective.Local(w, timeout) {
		wait.Go(func() { errs[i] = f(c) })
	}
	wait.Wait()
	return errs
}

func TestLocal(t *testing.T) {
	for _, w := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			for rank, err := range together(t, w, time.Minute, collectivetest.Run) {
				if err != nil {
					t.Errorf("rank %d: %v", rank, err)
				}
			}
		})
	}
}

func TestLocalFaults(t *testing.T) {
	for _, k := range collectivetest.Faults() {
		t.Run(k.Name, func(t *testing.T) {
			for rank, err := range together(t, 4, 200*time.Millisecond, k.Run) {
				if err != nil {
					t.Errorf("rank %d: %v", rank, err)
				}
			}
		})
	}
}

// An error names who is missing and what that rank did last.
func TestLocalNamesTheMissing(t *testing.T) {
	errs := together(t, 2, 100*time.Millisecond, func(c collective.Communicator) error {
		if err := c.Broadcast(0, nil); err != nil || c.Rank() == 0 {
			return err
		}
		return c.Barrier()
	})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	const want = "rank 1: barrier: timed out after 100ms waiting for rank 0 (last: broadcast)"
	if errs[1] == nil || errs[1].Error() != want || !errors.Is(errs[1], collective.ErrTimeout) {
		t.Errorf("found %v, expected %s", errs[1], want)
	}
}

// Ranks that call different operations, or with other lengths, are told so.
func TestLocalArguments(t *testing.T) {
	for _, f := range []func(c collective.Communicator) error{
		func(c collective.Communicator) error {
			if c.Rank() == 1 {
				return c.Barrier()
			}
			return c.Broadcast(0, nil)
		},
		func(c collective.Communicator) error { return c.Broadcast(c.Rank(), nil) },
		func(c collective.Communicator) error { return c.Broadcast(0, make([]byte, c.Rank())) },
		func(c collective.Communicator) error { return c.Broadcast(2, nil) },
	} {
		for rank, err := range together(t, 2, time.Minute, f) {
			if !errors.Is(err, collective.ErrArguments) || !strings.HasPrefix(err.Error(), fmt.Sprintf("rank %d: ", rank)) {
				t.Errorf("rank %d: found %v", rank, err)
			}
		}
	}
}

// leaf is the value of a replica, of very different sizes so that the order counts.
func leaf(replica, i int) float32 {
	x := uint32(replica*7919+i*104729+1) * 2654435761
	return float32(math.Ldexp(float64(int32(x)), int(x>>7%40)-40))
}

// recursive is the tree by its definition.
func recursive(first, n, i int) float32 {
	if n == 1 {
		return leaf(first, i)
	}
	return recursive(first, n/2, i) + recursive(first+n/2, n/2, i)
}

// Sums over 8 replicas have the bits of the definition for every number of processes.
func TestSumOfReplicas(t *testing.T) {
	const replicas, n = 8, 1001
	for _, w := range []int{1, 2, 4, 8} {
		errs := together(t, w, time.Minute, func(c collective.Communicator) error {
			own := make([][]float32, replicas/w)
			for r := range own {
				own[r] = make([]float32, n)
				for i := range own[r] {
					own[r][i] = leaf(c.Rank()*replicas/w+r, i)
				}
			}
			collective.Tree(own)
			few := append([]float32(nil), own[0]...)
			s, err := collective.NewSummer(c)
			if err != nil {
				return err
			}
			if err := s.Sum(own[0]); err != nil {
				return err
			}
			if err := collective.SumFew(c, few); err != nil {
				return err
			}
			for i, x := range own[0] {
				if want := recursive(0, replicas, i); x != want || few[i] != want {
					return fmt.Errorf("element %d: found %v and %v, expected %v", i, x, few[i], want)
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Errorf("%d processes: %v", w, err)
		}
	}
	inOrder := false // whether adding in order would do as well
	for i := range n {
		sum := float32(0)
		for r := range replicas {
			sum += leaf(r, i)
		}
		inOrder = inOrder || sum != recursive(0, replicas, i)
	}
	if !inOrder {
		t.Error("the values do not tell one order from another")
	}
}

func TestSummerWantsAPowerOfTwo(t *testing.T) {
	if _, err := collective.NewSummer(collective.Local(3, time.Second)[0]); err == nil {
		t.Error("found no error for 3 processes")
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct{ n, w int }{{0, 4}, {3, 4}, {1000, 4}, {1001, 8}} {
		b := collective.Bounds(c.n, c.w)
		if len(b) != c.w+1 || b[0] != 0 || b[c.w] != c.n {
			t.Fatalf("%+v: found %v", c, b)
		}
		for i := range c.w {
			if size := b[i+1] - b[i]; size < c.n/c.w || size > c.n/c.w+1 {
				t.Errorf("%+v: found slice %d of %v", c, i, b)
			}
		}
	}
}
