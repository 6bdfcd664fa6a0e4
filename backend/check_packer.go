package backend

// vectorRange checks that v is a float32 buffer without rows that has the elements
// [off, off+n).
func (a *arguments) vectorRange(what string, v Buffer, off, n int) {
	a.atLeast(what+" elements", n, 0)
	a.buffer(what, v, F32, 0)
	if a.ok {
		a.part(what, v, false, off, n)
	}
}

// packed checks the parts of a vector. None may be of the vector itself.
func (a *arguments) packed(v Buffer, parts []Part) {
	a.buffer("v", v, F32, 0)
	for _, p := range parts {
		if !a.ok {
			return
		}
		a.vectorRange("x", p.X, p.From, p.N)
		a.vectorRange("v", v, p.At, p.N)
		a.apart(operand{"x", p.X}, operand{"v", v})
	}
}

func (c *checked) Pack(v Buffer, parts []Part, add bool) {
	a := c.begin("Pack")
	a.packed(v, parts)
	if a.ok {
		c.optional.Packer.Pack(v, parts, add)
	}
}

func (c *checked) Unpack(v Buffer, parts []Part) {
	a := c.begin("Unpack")
	a.packed(v, parts)
	if a.ok {
		c.optional.Packer.Unpack(v, parts)
	}
}

func (c *checked) AddVector(dst Buffer, to int, src Buffer, from, n int) {
	a := c.begin("AddVector")
	a.vectorRange("dst", dst, to, n)
	a.vectorRange("src", src, from, n)
	if a.ok && dst == src && to < from+n && from < to+n {
		a.fail("%s: found elements %d to %d added to %d to %d, expected ranges that do not overlap", dst.Name(), from, from+n, to, to+n)
	}
	if a.ok {
		c.optional.Packer.AddVector(dst, to, src, from, n)
	}
}

func (c *checked) SumSquares(sums []float64, v Buffer, spans [][2]int) error {
	a := c.begin("SumSquares")
	a.buffer("v", v, F32, 0)
	if a.ok && len(spans) != len(sums) {
		a.fail("found %d spans of %d sums, expected as many", len(spans), len(sums))
	}
	for _, s := range spans {
		if !a.ok {
			break
		}
		n := s[1] - s[0]
		a.vectorRange("v", v, s[0], n)
		if n > ShardUnit {
			a.fail("found a sum of %d elements, expected at most %d", n, ShardUnit)
		}
	}
	if !a.ok {
		return c.device.Err()
	}
	return c.optional.Packer.SumSquares(sums, v, spans)
}

func (c *checked) UUID() [16]byte { return c.optional.Packer.UUID() }

func (c *checked) Address(v Buffer, i int) uint64 {
	a := c.begin("Address")
	a.vectorRange("v", v, i, 0)
	if !a.ok {
		return 0
	}
	return c.optional.Packer.Address(v, i)
}

func (c *checked) Mark(k int) uint64 {
	a := c.begin("Mark")
	a.atLeast("mark", k, 0)
	if !a.ok {
		return 0
	}
	return c.optional.Packer.Mark(k)
}
