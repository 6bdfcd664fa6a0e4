// Package collectivetest is what every implementation of collective.Communicator must
// pass. Each rank runs the same case on its own communicator, in a goroutine or in a
// process of its own, and returns what is wrong on this rank.
package collectivetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
)

// Case is a case of the suite.
type Case struct {
	Name string
	// Run runs it on this rank.
	Run func(c collective.Communicator) error
}

// Cases are those that leave the group whole: all of them may run one after the other on
// one communicator.
func Cases() []Case {
	return []Case{
		{"rank and size", rankAndSize},
		{"all-to-all", allToAll},
		{"all-gather", allGather},
		{"all-gather in place", allGatherInPlace},
		{"broadcast", broadcast},
		{"barrier", barrier},
		{"nothing to send", nothing},
		{"large", large},
		{"many in a row", many},
		{"sum", sum},
	}
}

// Faults are those that break the group: each needs a new one, of two ranks or more,
// whose timeout is short (a second or two). Rank 0 is the one that fails.
func Faults() []Case {
	return []Case{
		{"a rank that does not come", absent},
		{"a rank that leaves", leaves},
		{"slices of another number", slices},
	}
}

// Run runs all of Cases on this rank and returns the first error, with the case's name.
func Run(c collective.Communicator) error {
	for _, k := range Cases() {
		if err := k.Run(c); err != nil {
			return fmt.Errorf("rank %d of %d: %s: %w", c.Rank(), c.Size(), k.Name, err)
		}
	}
	return nil
}

func rankAndSize(c collective.Communicator) error {
	if c.Size() < 1 || c.Rank() < 0 || c.Rank() >= c.Size() {
		return fmt.Errorf("found rank %d of %d", c.Rank(), c.Size())
	}
	all, err := collective.GatherFew(c, []int64{int64(c.Rank())})
	if err != nil {
		return err
	}
	for i, r := range all {
		if r[0] != int64(i) {
			return fmt.Errorf("found rank %d in the place of rank %d", r[0], i)
		}
	}
	return nil
}

// message is what rank from sends to rank to in round k: n bytes that no other message has.
func message(from, to, k, n int) []byte {
	out := make([]byte, n)
	x := uint32(from*1_000_003+to*10_007+k*101) + 1
	for i := range out {
		x = x*1664525 + 1013904223
		out[i] = byte(x >> 24)
	}
	return out
}

// length is the length of a message: another one for each pair, some of them 0.
func length(from, to, k int) int { return (from*7 + to*3 + k) % 11 * 13 }

// same compares a message.
func same(found []byte, from, to, k int) error {
	if !bytes.Equal(found, message(from, to, k, len(found))) {
		return fmt.Errorf("round %d: the %d bytes from rank %d are not those it sent", k, len(found), from)
	}
	return nil
}

// exchange is an all-to-all of messages with these lengths.
func exchange(c collective.Communicator, k int, length func(from, to, k int) int) error {
	w, rank := c.Size(), c.Rank()
	send, recv := make([][]byte, w), make([][]byte, w)
	for i := range w {
		send[i], recv[i] = message(rank, i, k, length(rank, i, k)), make([]byte, length(i, rank, k))
	}
	if err := c.AllToAll(send, recv); err != nil {
		return err
	}
	for i := range w {
		if err := same(recv[i], i, rank, k); err != nil {
			return err
		}
		if err := same(send[i], rank, i, k); err != nil {
			return fmt.Errorf("what was sent has changed: %w", err)
		}
	}
	return nil
}

func allToAll(c collective.Communicator) error { return exchange(c, 1, length) }

func large(c collective.Communicator) error {
	return exchange(c, 2, func(from, to, k int) int { return 300_000 + length(from, to, k) })
}

func many(c collective.Communicator) error {
	for k := range 50 {
		if err := exchange(c, k, length); err != nil {
			return err
		}
		if err := broadcastFrom(c, k%c.Size(), k); err != nil {
			return err
		}
	}
	return nil
}

func allGather(c collective.Communicator) error {
	send := message(c.Rank(), 0, 3, length(c.Rank(), 0, 3))
	recv := make([][]byte, c.Size())
	for i := range recv {
		recv[i] = make([]byte, length(i, 0, 3))
	}
	if err := c.AllGather(send, recv); err != nil {
		return err
	}
	for i := range recv {
		if err := same(recv[i], i, 0, 3); err != nil {
			return err
		}
	}
	return nil
}

func allGatherInPlace(c collective.Communicator) error {
	whole := make([]byte, 0, c.Size()*1000)
	recv := make([][]byte, c.Size())
	for i := range recv {
		n := 100 + 10*i
		whole = whole[:len(whole)+n]
		recv[i] = whole[len(whole)-n:]
	}
	copy(recv[c.Rank()], message(c.Rank(), 0, 4, len(recv[c.Rank()])))
	if err := c.AllGather(recv[c.Rank()], recv); err != nil {
		return err
	}
	for i := range recv {
		if err := same(recv[i], i, 0, 4); err != nil {
			return err
		}
	}
	return nil
}

func broadcastFrom(c collective.Communicator, root, k int) error {
	buf := make([]byte, 1000+k)
	if c.Rank() == root {
		copy(buf, message(root, 0, k, len(buf)))
	}
	if err := c.Broadcast(root, buf); err != nil {
		return err
	}
	return same(buf, root, 0, k)
}

func broadcast(c collective.Communicator) error {
	for root := range c.Size() {
		if err := broadcastFrom(c, root, root); err != nil {
			return err
		}
	}
	return nil
}

func barrier(c collective.Communicator) error {
	for range 3 {
		if err := c.Barrier(); err != nil {
			return err
		}
	}
	return nil
}

func nothing(c collective.Communicator) error {
	if err := c.AllToAll(make([][]byte, c.Size()), make([][]byte, c.Size())); err != nil {
		return err
	}
	if err := c.AllGather(nil, make([][]byte, c.Size())); err != nil {
		return err
	}
	return c.Broadcast(c.Size()-1, nil)
}

// sum adds numbers whose sum depends on the order, and compares with the tree over all.
func sum(c collective.Communicator) error {
	value := func(rank, i int) float32 {
		return float32(int32(uint32(rank*7919+i*104729)*2654435761)) * float32(1e-6)
	}
	s, err := collective.NewSummer(c)
	if err != nil {
		return err
	}
	for _, n := range []int{0, 1, 3, 1000, 4097} {
		v := make([]float32, n)
		all := make([][]float32, c.Size())
		for r := range all {
			all[r] = make([]float32, n)
			for i := range n {
				all[r][i] = value(r, i)
			}
		}
		copy(v, all[c.Rank()])
		if err := s.Sum(v); err != nil {
			return err
		}
		collective.Tree(all)
		for i := range v {
			if v[i] != all[0][i] {
				return fmt.Errorf("element %d of %d: found sum %v, expected %v", i, n, v[i], all[0][i])
			}
		}
	}
	return nil
}

// failed checks the error of an operation that cannot have succeeded.
func failed(c collective.Communicator, op string, err error) error {
	var e *collective.Error
	switch {
	case err == nil:
		return fmt.Errorf("%s: found no error, expected one", op)
	case !errors.As(err, &e):
		return fmt.Errorf("%s: found an error of type %T, expected *collective.Error: %w", op, err, err)
	case e.Rank != c.Rank() || e.Op != op:
		return fmt.Errorf("found an error of rank %d in %s, expected rank %d in %s: %w", e.Rank, e.Op, c.Rank(), op, err)
	case strings.Contains(err.Error(), "\n"):
		return fmt.Errorf("%s: found an error of several lines: %q", op, err)
	}
	return nil
}

// absent: the others get an error by the timeout, and go on getting one.
func absent(c collective.Communicator) error {
	if err := c.Barrier(); err != nil {
		return err
	}
	if c.Rank() == 0 {
		return nil
	}
	if err := failed(c, collective.OpBarrier, c.Barrier()); err != nil {
		return err
	}
	return failed(c, collective.OpBroadcast, c.Broadcast(0, make([]byte, 5)))
}

// leaves: the others get an error though the rank left in order.
func leaves(c collective.Communicator) error {
	if err := c.Barrier(); err != nil {
		return err
	}
	if c.Rank() == 0 {
		if err := c.Close(); err != nil {
			return err
		}
		return c.Close()
	}
	return failed(c, collective.OpAllGather, c.AllGather([]byte{1}, makeBytes(c.Size(), 1)))
}

// slices: a call that fits no group of this size fails where it is made, and then
// everywhere.
func slices(c collective.Communicator) error {
	if c.Rank() == 0 {
		err := c.AllToAll(makeBytes(c.Size()+1, 1), makeBytes(c.Size(), 1))
		if failing := failed(c, collective.OpAllToAll, err); failing != nil {
			return failing
		}
		if !errors.Is(err, collective.ErrArguments) {
			return fmt.Errorf("found %w, expected that the arguments do not fit", err)
		}
		return nil
	}
	return failed(c, collective.OpAllToAll, c.AllToAll(makeBytes(c.Size(), 1), makeBytes(c.Size(), 1)))
}

// makeBytes returns n slices of length each.
func makeBytes(n, length int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, length)
	}
	return out
}
