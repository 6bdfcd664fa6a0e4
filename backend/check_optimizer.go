package backend

import "github.com/sparsebert/sparsebert-gpu/sparse"

func (c *checked) ZeroGrad(params []Param) {
	a := c.begin("ZeroGrad")
	a.distinct(params)
	if a.ok {
		c.device.ZeroGrad(params)
	}
}

func (c *checked) GradNorm(norm Buffer, params []Param) {
	a := c.begin("GradNorm")
	a.buffer("norm", norm, F32, 1)
	a.distinct(params)
	if a.ok {
		c.device.GradNorm(norm, params)
	}
}

func (c *checked) AdamW(params []Param, norm Buffer, cfg AdamConfig) {
	a := c.begin("AdamW")
	a.buffer("norm", norm, F32, 1)
	a.distinct(params)
	if a.ok {
		c.device.AdamW(params, norm, cfg)
	}
}

func (c *checked) BlockGradL1(w Param, dy, x Buffer, t int) {
	a := c.begin("BlockGradL1")
	out, in := a.blocks("w", w)
	a.atLeast("tokens", t, 0)
	a.activation("dy", dy, size(t, out))
	a.activation("x", x, size(t, in))
	if a.ok {
		c.device.BlockGradL1(w, dy, x, t)
	}
}

func (c *checked) GrowScores(w Param) Buffer {
	a := c.begin("GrowScores")
	a.blocks("w", w)
	if !a.ok {
		return &unusable{name: "growth scores", dt: F32}
	}
	return c.device.GrowScores(w)
}

func (c *checked) UpdateTopology(params []Param, u sparse.Update) {
	a := c.begin("UpdateTopology")
	a.distinct(params)
	if can := c.optional.Criteria; can != nil && a.ok {
		if err := can(u); err != nil {
			a.fail("%w", err)
		}
	}
	for _, p := range params {
		if !a.ok {
			return
		}
		if !p.Sparse() {
			continue
		}
		s := p.Spec()
		err := u.Check()
		if err == nil {
			err = u.CheckTensor(s.Index)
		}
		if err != nil {
			a.fail("%s: topology update %d: %w", s.Name, u.Number, err)
		}
	}
	if a.ok {
		c.device.UpdateTopology(params, u)
	}
}

func (c *checked) UpdateStats(params []Param) ([]sparse.Stats, error) {
	a := c.begin("UpdateStats")
	a.params(params)
	if !a.ok {
		return nil, c.device.Err()
	}
	return c.device.UpdateStats(params)
}
