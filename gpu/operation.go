package gpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// operation is the call of an operation, whose name goes into errors. Package backend has
// checked its arguments; what is left are the limits of this device, integers in its
// memory (status.go), and its failures.
type operation struct {
	b  *device
	op string
}

func (b *device) begin(op string) operation { return operation{b, op} }

// ok says whether the operation may go on.
func (c operation) ok() bool { return c.b.ok() }

func (c operation) fail(format string, args ...any) { c.b.fail(c.op+": "+format, args...) }

// limit fails the operation where kernels could not take n, as an int.
func (c operation) limit(what string, n int) {
	if n > math.MaxInt32 {
		c.fail("%s: found %d, expected at most %d", what, n, math.MaxInt32)
	}
}

// own returns the buffer behind x, nil for none.
func own(x backend.Buffer) *buffer {
	if x == nil {
		return nil
	}
	return x.(*buffer)
}

// address returns where a buffer lies, 0 for none.
func address(x backend.Buffer) Ptr { return at(own(x)) }

// ownParam returns the parameter behind p, nil for none.
func ownParam(p backend.Param) *param {
	if p == nil {
		return nil
	}
	return p.(*param)
}

// ownParams returns the parameters behind list.
func ownParams(list []backend.Param) []*param {
	own := make([]*param, len(list))
	for i, p := range list {
		own[i] = ownParam(p)
	}
	return own
}
