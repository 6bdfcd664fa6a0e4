package traffic

import (
	"strings"
)

// Kind sorts bytes; see the package's comment.
type Kind uint8

// The kinds.
const (
	Read Kind = iota
	Write
	Scratch
	Again
	kinds
)

// Operand is what a call moves of one of its operands, in bytes.
type Operand struct {
	Name  string
	Kind  Kind
	Bytes int64
}

// Call is one call of an operation.
type Call struct {
	Op       string // as in package backend
	Tensor   string // the parameter, without layer and ".weight"; of a call without one what it works on, or ""
	Operands []Operand
	FLOPs    int64 // of products on the matrix units, a multiply-add counted as 2
}

// Bytes sums up calls or operands by kind.
type Bytes [kinds]int64

// Memory is what memory must move.
func (b Bytes) Memory() int64 { return b[Read] + b[Write] + b[Scratch] }

// Add returns the sums of both.
func (b Bytes) Add(o Bytes) Bytes {
	for k := range b {
		b[k] += o[k]
	}
	return b
}

// Bytes sums up the call's operands.
func (c Call) Bytes() (b Bytes) {
	for _, o := range c.Operands {
		b[o.Kind] += o.Bytes
	}
	return b
}

// Operand is the bytes of one operand by name and kind.
func (c Call) Operand(name string, kind Kind) (n int64) {
	for _, o := range c.Operands {
		if o.Name == name && o.Kind == kind {
			n += o.Bytes
		}
	}
	return n
}

// The operands of a call are listed by these, which leave out what is nothing.
func (c *Call) add(name string, kind Kind, bytes int64) {
	if bytes > 0 {
		c.Operands = append(c.Operands, Operand{name, kind, bytes})
	}
}

func (c *Call) read(name string, bytes int64)  { c.add(name, Read, bytes) }
func (c *Call) write(name string, bytes int64) { c.add(name, Write, bytes) }

// scratch is partial results of so many bytes, written and read.
func (c *Call) scratch(name string, bytes int64) { c.add(name, Scratch, 2*bytes) }

// reads is an operand that so many thread blocks read, once from memory.
func (c *Call) reads(name string, bytes int64, times int) {
	if times > 0 {
		c.read(name, bytes)
		c.add(name, Again, bytes*int64(times-1))
	}
}

// rows is float32 rows of so many bytes together, read by so many warps. A lane
// takes 8 neighbors by two instructions, each of which touches every sector.
func (c *Call) rows(name string, bytes int64, times int) { c.reads(name, bytes, 2*times) }

// short is a parameter's name without what the layers' names share.
func short(name string) string {
	name = strings.TrimSuffix(name, ".weight")
	if rest, ok := strings.CutPrefix(name, "bert.encoder.layer."); ok {
		if _, after, found := strings.Cut(rest, "."); found {
			return after
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, "bert."), "cls.")
}
