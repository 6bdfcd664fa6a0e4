package ptxsim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

type operandKind uint8

const (
	opReg     operandKind = iota
	opSpecial             // %tid.x ...
	opInt                 // integer literal
	opFloat               // decimal floating-point literal
	opBits32              // 0f...
	opBits64              // 0d...
	opVector              // {a, b}
	opAddress             // [base + offset]
	opName                // variable, function or label
	opSink                // _
	opPair                // d|p
	opList                // (a, b) of a call
)

type operand struct {
	kind operandKind
	sym  *symbol // register or variable
	name string
	imm  uint64 // literal, or the offset of an address
	neg  bool   // !p
	sub  []operand
}

// bits returns a literal as a value of type t.
func (o operand) bits(t typ) (uint64, error) {
	switch {
	case o.kind == opInt && t.integer():
		return o.imm & t.mask(), nil
	case o.kind == opInt && t == f32:
		return uint64(math.Float32bits(float32(int64(o.imm)))), nil
	case o.kind == opInt && t == f64:
		return math.Float64bits(float64(int64(o.imm))), nil
	case o.kind == opInt && t.kind != kindPred:
		return o.imm & t.mask(), nil
	case o.kind == opBits32 && t.is32(), o.kind == opBits64 && t.bits == 64:
		return o.imm, nil
	case (o.kind == opFloat || o.kind == opBits64) && t == f32:
		return uint64(math.Float32bits(float32(math.Float64frombits(o.imm)))), nil
	case o.kind == opBits32 && t == f64:
		return math.Float64bits(float64(math.Float32frombits(uint32(o.imm)))), nil
	case o.kind == opFloat && t == f64:
		return o.imm, nil
	}
	return 0, fmt.Errorf("literal does not fit type %v", t)
}

// literal reads a number with its sign.
func (p *parser) literal() operand {
	neg := p.accept("-")
	t := p.next()
	if t.kind != tokNumber {
		p.fail(t.line, "found %q, expected a literal", t.text)
	}
	bad := func(err error) {
		if err != nil {
			p.fail(t.line, "%q is not a literal", t.text)
		}
	}
	s := strings.ToLower(t.text)
	switch {
	case strings.HasPrefix(s, "0f") && len(s) == 10:
		v, err := strconv.ParseUint(s[2:], 16, 32)
		bad(err)
		return operand{kind: opBits32, imm: v ^ sign(neg, 31)}
	case strings.HasPrefix(s, "0d") && len(s) == 18:
		v, err := strconv.ParseUint(s[2:], 16, 64)
		bad(err)
		return operand{kind: opBits64, imm: v ^ sign(neg, 63)}
	case !strings.HasPrefix(s, "0x") && strings.ContainsAny(s, ".e"):
		v, err := strconv.ParseFloat(s, 64)
		bad(err)
		return operand{kind: opFloat, imm: math.Float64bits(v) ^ sign(neg, 63)}
	}
	v, err := strconv.ParseUint(strings.TrimSuffix(s, "u"), 0, 64)
	bad(err)
	if neg {
		v = -v
	}
	return operand{kind: opInt, imm: v}
}

func sign(neg bool, bit int) uint64 {
	if neg {
		return 1 << bit
	}
	return 0
}

func (p *parser) operand(depth int) operand {
	t := p.peek()
	switch {
	case depth > 2:
		p.fail(t.line, "operands are nested too deeply")
	case t.kind == tokNumber || t.kind == tokPunct && (t.text == "-" || t.text == "~" || t.text == "(" && p.constantNext()):
		return p.expression()
	case p.accept("!"):
		o := p.operand(depth + 1)
		o.neg = true
		return o
	case p.accept("{"):
		return operand{kind: opVector, sub: p.list("}", depth)}
	case p.accept("("):
		return operand{kind: opList, sub: p.list(")", depth)}
	case p.accept("["):
		return p.address()
	case t.kind != tokWord:
		p.fail(t.line, "found %q, expected an operand", t.text)
	}
	p.pos++
	o := operand{kind: opName, name: t.text}
	switch y := p.scope.lookup(t.text); {
	case y != nil && y.vector != nil:
		o.kind = opVector
		for _, part := range y.vector {
			o.sub = append(o.sub, operand{kind: opReg, sym: part, name: part.name})
		}
		return o
	case y != nil && y.space == spaceReg:
		o.kind, o.sym = opReg, y
	case y != nil:
		o.sym = y
	case t.text == "_":
		o.kind = opSink
	case t.text[0] == '%':
		o.kind = opSpecial
	}
	if p.accept("|") {
		return operand{kind: opPair, sub: []operand{o, p.operand(depth + 1)}}
	}
	if n := p.peek().text; n == "+" || n == "-" {
		p.accept("+")
		o.imm = p.integerExpression()
	}
	return o
}

func (p *parser) list(end string, depth int) []operand {
	var out []operand
	for !p.accept(end) {
		out = append(out, p.operand(depth+1))
		if p.peek().text != end {
			p.expect(",")
		}
	}
	return out
}

// address reads base, base+offset, base-offset or an absolute address, and the coordinates of a tensor, up to ].
func (p *parser) address() operand {
	o := operand{kind: opAddress}
	if t := p.peek(); t.kind == tokWord {
		p.pos++
		o.name = t.text
		if o.sym = p.scope.lookup(t.text); o.sym == nil {
			p.fail(t.line, "%s is not declared", t.text)
		}
		p.accept("+")
		if n := p.peek().text; n == "]" || n == "," {
			return p.addressEnd(o)
		}
	}
	o.imm = p.integerExpression()
	return p.addressEnd(o)
}

// addressEnd reads the coordinates of a tensor, if there are some, and the closing bracket.
func (p *parser) addressEnd(o operand) operand {
	if p.accept(",") {
		o.sub = []operand{p.operand(1)}
	}
	p.expect("]")
	return o
}
