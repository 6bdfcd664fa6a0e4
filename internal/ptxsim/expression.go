package ptxsim

// precedence of the operators of constant expressions; higher binds closer.
var precedence = map[string]int{"|": 1, "^": 2, "&": 3, "<<": 4, ">>": 4, "+": 5, "-": 5, "*": 6, "/": 6}

// constantNext reports whether what follows the open parenthesis begins a constant.
func (p *parser) constantNext() bool {
	t := p.toks[min(p.pos+1, len(p.toks)-1)]
	return t.kind == tokNumber || t.kind == tokPunct && (t.text == "-" || t.text == "~" || t.text == "(")
}

// expression reads a constant expression: a number of any type, or integers with
// + - * / << >> & ^ | ~ and parentheses.
func (p *parser) expression() operand { return p.binary(1, 0) }

// integerExpression is expression where the value must be an integer.
func (p *parser) integerExpression() uint64 {
	line := p.peek().line
	o := p.expression()
	if o.kind != opInt {
		p.fail(line, "found a floating-point number, expected an integer")
	}
	return o.imm
}

// operator returns the operator at the next token and how many tokens it takes; "" if there is none.
func (p *parser) operator() (op string, tokens int) {
	t := p.peek()
	if t.kind != tokPunct {
		return "", 0
	}
	if t.text == "<" || t.text == ">" {
		if p.toks[min(p.pos+1, len(p.toks)-1)].text == t.text {
			return t.text + t.text, 2
		}
		return "", 0
	}
	if precedence[t.text] == 0 {
		return "", 0
	}
	return t.text, 1
}

// binary reads operators that bind at least as closely as lowest.
func (p *parser) binary(lowest, depth int) operand {
	a := p.unary(depth)
	for {
		op, n := p.operator()
		if op == "" || precedence[op] < lowest {
			return a
		}
		line := p.peek().line
		p.pos += n
		b := p.binary(precedence[op]+1, depth)
		if a.kind != opInt || b.kind != opInt {
			p.fail(line, "operator %s needs integers", op)
		}
		switch op {
		case "+":
			a.imm += b.imm
		case "-":
			a.imm -= b.imm
		case "*":
			a.imm *= b.imm
		case "/":
			if b.imm == 0 {
				p.fail(line, "division by zero in a constant")
			}
			a.imm = uint64(int64(a.imm) / int64(b.imm))
		case "<<":
			a.imm <<= b.imm
		case ">>":
			a.imm >>= b.imm
		case "&":
			a.imm &= b.imm
		case "^":
			a.imm ^= b.imm
		case "|":
			a.imm |= b.imm
		}
	}
}

// unary reads a number with the operators before it, or an expression in parentheses.
func (p *parser) unary(depth int) operand {
	t := p.peek()
	if depth > 32 {
		p.fail(t.line, "a constant is nested too deeply")
	}
	switch {
	case p.accept("("):
		o := p.binary(1, depth+1)
		p.expect(")")
		return o
	case p.accept("~"):
		o := p.unary(depth + 1)
		if o.kind != opInt {
			p.fail(t.line, "operator ~ needs an integer")
		}
		o.imm = ^o.imm
		return o
	case t.text == "-" && p.toks[min(p.pos+1, len(p.toks)-1)].kind != tokNumber:
		p.pos++
		o := p.unary(depth + 1)
		if o.kind != opInt {
			p.fail(t.line, "operator - needs an integer here")
		}
		o.imm = -o.imm
		return o
	}
	return p.literal()
}
