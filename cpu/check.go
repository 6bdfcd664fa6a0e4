package cpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// Package backend checks the arguments of operations. What is left is what only the
// device can see: integers in its memory.

// inRange fails the operation unless every integer lies in [lo, hi), and says whether
// they do.
func (b *device) inRange(op, what string, x []int32, lo, hi int) bool {
	for i, v := range x {
		if int(v) < lo || int(v) >= hi {
			b.fail("%s: %s[%d]: found %d, expected %d to %d", op, what, i, v, lo, hi-1)
			return false
		}
	}
	return true
}

// floats returns the storage of a float32 buffer, nil where there is none.
func floats(x backend.Buffer) []float32 {
	if x == nil {
		return nil
	}
	return x.(*buffer).f
}

// ints returns the storage of an int32 buffer.
func ints(x backend.Buffer) []int32 { return x.(*buffer).i }
