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

func (c *checked) SumSquares(sums []float64, v Buffer, bounds []int) error {
	a := c.begin("SumSquares")
	a.buffer("v", v, F32, 0)
	if a.ok && len(bounds) != len(sums)+1 {
		a.fail("found %d bounds of %d sums, expected one more", len(bounds), len(sums))
	}
	for k := range sums {
		if !a.ok {
			break
		}
		n := bounds[k+1] - bounds[k]
		a.vectorRange("v", v, bounds[k], n)
		if a.ok && n > ShardUnit {
			a.fail("found a sum of %d elements, expected at most %d", n, ShardUnit)
		}
	}
	if !a.ok {
		return c.device.Err()
	}
	return c.optional.Packer.SumSquares(sums, v, bounds)
}

func (c *checked) Address(v Buffer, i int) (device [16]byte, at uint64) {
	a := c.begin("Address")
	a.vectorRange("v", v, i, 0)
	if !a.ok {
		return device, 0
	}
	return c.optional.Packer.Address(v, i)
}
