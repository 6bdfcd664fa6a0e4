package backend

func (c *checked) DSD(y, pre, x Buffer, w, b Param, t int) {
	a := c.begin("DSD")
	out, in := a.param("w", w)
	a.atLeast("tokens", t, 0)
	a.outputs("y", y, w, t, out)
	a.optional("pre", pre, size(t, out))
	if a.ok && pre != nil && columnsOf(y) > 0 {
		a.fail("y (%s): found a buffer of rows beside pre, expected no pre", y.Name())
	}
	a.activation("x", x, size(t, in))
	a.bias("b", b, out)
	a.apart(operand{"y", y}, operand{"pre", pre}, operand{"x", x})
	a.apart(operand{"pre", pre}, operand{"x", x})
	if a.ok {
		c.device.DSD(y, pre, x, w, b, t)
	}
}

func (c *checked) DDS(dx, dy Buffer, w Param, t int, mode DDSMode, pre Buffer) {
	a := c.begin("DDS")
	out, in := a.param("w", w)
	a.atLeast("tokens", t, 0)
	a.activation("dx", dx, size(t, in))
	a.outputs("dy", dy, w, t, out)
	switch mode {
	case Assign, Accumulate:
		pre = nil // not read
	case TimesGELU:
		a.activation("pre", pre, size(t, in))
	default:
		a.fail("mode: found %d, expected Assign, Accumulate or TimesGELU", mode)
	}
	a.apart(operand{"dx", dx}, operand{"dy", dy})
	if a.ok {
		c.device.DDS(dx, dy, w, t, mode, pre)
	}
}

func (c *checked) SDD(w, b Param, dy, x Buffer, t int) {
	a := c.begin("SDD")
	out, in := a.param("w", w)
	a.atLeast("tokens", t, 0)
	a.outputs("dy", dy, w, t, out)
	a.activation("x", x, size(t, in))
	a.bias("b", b, out)
	a.once(w, b)
	if a.ok {
		c.device.SDD(w, b, dy, x, t)
	}
}
