package ptxsim

import "math/bits"

// straight is a straight line of vector instructions that a thread enters at the first
// one only. They are executed by one call.
type straight struct {
	n      int
	code   []lanesOp
	counts []classCount

	unwritten *unwrittenUse // nil: it uses no such places
	products  *productUse   // nil: it touches no registers of wgmma
}

// classCount says how many of the instructions are of a class.
type classCount struct {
	class Class
	n     int64
}

// straighten finds the straight lines of a program.
func (p *program) straighten(flows []flow, entries map[*function]int) {
	target := make([]bool, len(p.code)+1)
	for i := range flows {
		for _, t := range flows[i].targets {
			target[*t] = true
		}
	}
	for _, at := range entries {
		target[at] = true
	}
	for i := 0; i < len(p.code); {
		end := i
		for end < len(p.code) && p.code[end].lanes != nil && p.code[end].guard < 0 && (end == i || !target[end]) {
			end++
		}
		if end > i+1 {
			p.code[i].straight = newStraight(p.code[i:end])
			p.code[i].straight.unwritten = unwrittenOf(p.code[i:end])
			p.code[i].straight.products = productsOf(p.code[i:end])
		}
		i = max(end, i+1)
	}
}

func newStraight(code []op) *straight {
	s := &straight{n: len(code)}
	var counts [classes]int64
	for i := range code {
		s.code = append(s.code, code[i].lanes...)
		counts[code[i].class]++
	}
	s.code = append(s.code, lanesOp{})
	for c, n := range counts {
		if n > 0 {
			s.counts = append(s.counts, classCount{Class(c), n})
		}
	}
	return s
}

// follow executes the whole line for the active lanes.
func (w *warp) follow(s *straight) {
	m := w.active
	n := int64(bits.OnesCount32(m))
	for _, c := range s.counts {
		w.count.Warp[c.class] += c.n
		w.count.Thread[c.class] += c.n * n
	}
	runLanes(&s.code[0], &w.r[0], &w.p[0], m)
	w.pc += s.n
}

// finish does what needs the whole code.
func (p *program) finish(d *decoder) {
	p.findProducts(d.flows)
	p.straighten(d.flows, d.entries)
}
