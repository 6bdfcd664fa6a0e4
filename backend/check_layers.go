package backend

// tables checks what Embed and EmbedGrad have in common.
func (a *arguments) tables(what string, z, ids, segments Buffer, word, pos, typ Param, t, seq int) {
	a.atLeast("tokens", t, 0)
	a.atLeast("sequence length", seq, 1)
	_, h := a.param("word", word)
	a.dense("word", word, 0, h)
	rows := a.dense("pos", pos, 0, h)
	a.dense("typ", typ, 0, h)
	if a.ok {
		a.atLeast("positions", rows, min(seq, t))
	}
	a.activation(what, z, size(t, h))
	a.buffer("ids", ids, I32, t)
	a.buffer("segments", segments, I32, t)
}

func (c *checked) Embed(z, ids, segments Buffer, word, pos, typ Param, t, seq int) {
	a := c.begin("Embed")
	a.tables("z", z, ids, segments, word, pos, typ, t, seq)
	if a.ok {
		c.device.Embed(z, ids, segments, word, pos, typ, t, seq)
	}
}

func (c *checked) EmbedGrad(word, pos, typ Param, dz, ids, segments Buffer, t, seq int) {
	a := c.begin("EmbedGrad")
	a.tables("dz", dz, ids, segments, word, pos, typ, t, seq)
	a.once(word, pos, typ)
	if a.ok {
		c.device.EmbedGrad(word, pos, typ, dz, ids, segments, t, seq)
	}
}

// norm checks gamma and beta of a LayerNorm with its dropout, and returns the number
// of elements of its activations.
func (a *arguments) norm(gamma, beta Param, t int, d Dropout) int {
	a.atLeast("tokens", t, 0)
	_, h := a.param("gamma", gamma)
	a.dense("gamma", gamma, 1, h)
	a.dense("beta", beta, 1, h)
	n := size(t, h)
	a.dropout(d, n)
	a.kept(d, t, h)
	return n
}

func (c *checked) AddNorm(y, z, mean, rstd, residual, sub Buffer, gamma, beta Param, t int, d Dropout) {
	a := c.begin("AddNorm")
	n := a.norm(gamma, beta, t, d)
	a.activation("y", y, n)
	a.activation("z", z, n)
	a.buffer("mean", mean, F32, t)
	a.buffer("rstd", rstd, F32, t)
	a.activation("residual", residual, n)
	a.optional("sub", sub, n)
	a.apart(operand{"y", y}, operand{"z", z}, operand{"residual", residual}, operand{"sub", sub})
	for _, row := range [2]operand{{"mean", mean}, {"rstd", rstd}} {
		a.apart(row, operand{"y", y}, operand{"z", z}, operand{"residual", residual}, operand{"sub", sub})
	}
	a.apart(operand{"mean", mean}, operand{"rstd", rstd})
	if a.ok {
		c.device.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, t, d)
	}
}

func (c *checked) AddNormGrad(dresidual, dsub, dy, z, mean, rstd Buffer, gamma, beta Param, t int, d Dropout) {
	a := c.begin("AddNormGrad")
	n := a.norm(gamma, beta, t, d)
	a.activation("dresidual", dresidual, n)
	a.optional("dsub", dsub, n)
	a.activation("dy", dy, n)
	a.activation("z", z, n)
	a.buffer("mean", mean, F32, t)
	a.buffer("rstd", rstd, F32, t)
	a.apart(operand{"dresidual", dresidual}, operand{"dsub", dsub}, operand{"z", z}, operand{"mean", mean}, operand{"rstd", rstd})
	a.apart(operand{"dsub", dsub}, operand{"dy", dy}, operand{"z", z}, operand{"mean", mean}, operand{"rstd", rstd})
	a.once(gamma, beta)
	if a.ok {
		c.device.AddNormGrad(dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, d)
	}
}

func (c *checked) DropoutApply(y, x Buffer, n int, d Dropout) {
	a := c.begin("DropoutApply")
	a.atLeast("elements", n, 0)
	a.dropout(d, n)
	a.activation("y", y, n)
	a.activation("x", x, n)
	if a.ok {
		c.device.DropoutApply(y, x, n, d)
	}
}

// attention checks what both directions have in common, and returns the number of
// elements of q.
func (a *arguments) attention(lse, lengths Buffer, s Attn, d Dropout) int {
	a.atLeast("batch", s.Batch, 0)
	a.atLeast("sequence length", s.Seq, 1)
	a.atLeast("heads", s.Heads, 1)
	a.atLeast("head size", s.Head, 1)
	a.dropout(d, size(s.Batch, s.Heads, s.Seq, s.Seq))
	a.buffer("lse", lse, F32, size(s.Batch, s.Heads, s.Seq))
	a.buffer("lengths", lengths, I32, s.Batch)
	a.kept(d, size(s.Batch, s.Heads, s.Seq), s.Seq)
	return size(s.Batch, s.Seq, s.Heads, s.Head)
}

func (c *checked) Attention(ctx, lse, q, k, v, lengths Buffer, s Attn, d Dropout) {
	a := c.begin("Attention")
	n := a.attention(lse, lengths, s, d)
	inputs := [...]operand{{"q", q}, {"k", k}, {"v", v}}
	a.activation("ctx", ctx, n)
	for _, x := range inputs {
		a.activation(x.what, x.x, n)
	}
	a.apart(operand{"ctx", ctx}, inputs[:]...)
	a.apart(operand{"lse", lse}, inputs[:]...)
	a.apart(operand{"ctx", ctx}, operand{"lse", lse})
	a.apart(operand{"kept", d.Kept}, operand{"lengths", lengths})
	if a.ok {
		c.device.Attention(ctx, lse, q, k, v, lengths, s, d)
	}
}

func (c *checked) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths Buffer, s Attn, d Dropout) {
	a := c.begin("AttentionGrad")
	n := a.attention(lse, lengths, s, d)
	outputs := [...]operand{{"dq", dq}, {"dk", dk}, {"dv", dv}}
	inputs := [...]operand{{"dctx", dctx}, {"q", q}, {"k", k}, {"v", v}, {"ctx", ctx}, {"lse", lse}}
	for _, x := range outputs {
		a.activation(x.what, x.x, n)
	}
	for _, x := range inputs[:5] {
		a.activation(x.what, x.x, n)
	}
	for i, x := range outputs {
		a.apart(x, outputs[:i]...)
		a.apart(x, inputs[:]...)
	}
	if a.ok {
		c.device.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, s, d)
	}
}

// rows checks what Gather and ScatterAdd have in common: n rows of h elements in the
// one buffer, any number of rows in the other, which index names.
func (a *arguments) rows(dst, src, index Buffer, n, h, dstLen, srcLen int) {
	a.atLeast("rows", n, 0)
	a.atLeast("columns", h, 1)
	a.activation("dst", dst, dstLen)
	a.activation("src", src, srcLen)
	a.buffer("index", index, I32, n)
	a.apart(operand{"dst", dst}, operand{"src", src})
}

func (c *checked) Gather(dst, src, index Buffer, n, h int) {
	a := c.begin("Gather")
	a.rows(dst, src, index, n, h, size(n, h), 0)
	if a.ok {
		c.device.Gather(dst, src, index, n, h)
	}
}

func (c *checked) ScatterAdd(dst, src, index Buffer, n, h int) {
	a := c.begin("ScatterAdd")
	a.rows(dst, src, index, n, h, 0, size(n, h))
	if a.ok {
		c.device.ScatterAdd(dst, src, index, n, h)
	}
}

func (c *checked) Zero(b Buffer, n int) {
	a := c.begin("Zero")
	a.atLeast("elements", n, 0)
	a.own("buffer", b)
	if a.ok && b.Len() < n {
		a.fail("buffer (%s): found %d elements, expected at least %d", b.Name(), b.Len(), n)
	}
	if a.ok {
		c.device.Zero(b, n)
	}
}

func (c *checked) Tanh(y, x Buffer, n int) {
	a := c.begin("Tanh")
	a.atLeast("elements", n, 0)
	a.activation("y", y, n)
	a.activation("x", x, n)
	if a.ok {
		c.device.Tanh(y, x, n)
	}
}

func (c *checked) TanhGrad(dx, dy, y Buffer, n int) {
	a := c.begin("TanhGrad")
	a.atLeast("elements", n, 0)
	a.activation("dx", dx, n)
	a.activation("dy", dy, n)
	a.activation("y", y, n)
	if a.ok {
		c.device.TanhGrad(dx, dy, y, n)
	}
}

func (c *checked) GELUGrad(dx, dy, pre Buffer, n int) {
	a := c.begin("GELUGrad")
	a.atLeast("elements", n, 0)
	a.activation("dx", dx, n)
	a.activation("dy", dy, n)
	a.activation("pre", pre, n)
	if a.ok {
		c.device.GELUGrad(dx, dy, pre, n)
	}
}

func (c *checked) CrossEntropy(stats, logits, labels Buffer, rows, classes int, loss Loss, grad bool) {
	a := c.begin("CrossEntropy")
	a.atLeast("rows", rows, 0)
	a.atLeast("classes", classes, 1)
	if loss != MLM && loss != NSP {
		a.fail("loss: found %d, expected MLM or NSP", loss)
	}
	a.buffer("stats", stats, F32, 3)
	a.activationRows("logits", logits, rows, classes)
	a.buffer("labels", labels, I32, rows)
	a.apart(operand{"stats", stats}, operand{"logits", logits})
	if a.ok {
		c.device.CrossEntropy(stats, logits, labels, rows, classes, loss, grad)
	}
}
