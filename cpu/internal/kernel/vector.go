package kernel

import "math"

// Sums run over four interleaved partial sums, so that they neither lose
// accuracy nor wait for one another.

func dotGo(x, y []float32) float32 {
	y = y[:len(x)]
	var s [4]float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s[0] += x[i] * y[i]
		s[1] += x[i+1] * y[i+1]
		s[2] += x[i+2] * y[i+2]
		s[3] += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s[0] += x[i] * y[i]
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func sumGo(x []float32) float32 {
	var s [4]float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s[0] += x[i]
		s[1] += x[i+1]
		s[2] += x[i+2]
		s[3] += x[i+3]
	}
	for ; i < len(x); i++ {
		s[0] += x[i]
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func sumSqGo(x []float32) float64 {
	var s [4]float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s[0] += float64(x[i]) * float64(x[i])
		s[1] += float64(x[i+1]) * float64(x[i+1])
		s[2] += float64(x[i+2]) * float64(x[i+2])
		s[3] += float64(x[i+3]) * float64(x[i+3])
	}
	for ; i < len(x); i++ {
		s[0] += float64(x[i]) * float64(x[i])
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func columnSums16Go(sum, x []float32, ldx int, rows int) {
	var s [16]float32
	for r := range rows {
		for j, v := range x[r*ldx : r*ldx+16] {
			s[j] += v
		}
	}
	axpyGo(sum[:16], 1, s[:])
}

func sumAbsGo(x []float32) float32 {
	var s [4]float32
	for i, v := range x {
		s[i&3] += math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func sumSqDiffGo(x []float32, mean float32) float32 {
	var s [4]float32
	for i, v := range x {
		d := v - mean
		s[i&3] += d * d
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}

func maxGo(x []float32) float32 {
	m := x[0]
	for _, v := range x[1:] {
		if v > m {
			m = v
		}
	}
	return m
}

func axpyGo(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] += a * v
	}
}

func scaleGo(y []float32, a float32) {
	for i := range y {
		y[i] *= a
	}
}

func normalizeGo(y, x, gamma, beta []float32, mean, rstd float32) {
	x, gamma, beta = x[:len(y)], gamma[:len(y)], beta[:len(y)]
	for i := range y {
		y[i] = gamma[i]*((x[i]-mean)*rstd) + beta[i]
	}
}

func normSumsGo(dgamma, dbeta, dy, x, gamma []float32, mean, rstd float32) (sum, dot float32) {
	var s, d [4]float32
	dgamma, dbeta, x, gamma = dgamma[:len(dy)], dbeta[:len(dy)], x[:len(dy)], gamma[:len(dy)]
	for i, g := range dy {
		xhat := (x[i] - mean) * rstd
		dgamma[i] += g * xhat
		dbeta[i] += g
		g *= gamma[i]
		s[i&3] += g
		d[i&3] += g * xhat
	}
	return (s[0] + s[1]) + (s[2] + s[3]), (d[0] + d[1]) + (d[2] + d[3])
}

func normGradGo(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32) {
	dy, x, gamma = dy[:len(y)], x[:len(y)], gamma[:len(y)]
	for i := range y {
		y[i] = rstd * (gamma[i]*dy[i] - m1 - (x[i]-mean)*rstd*m2)
	}
}

func adamGo(w, g, m, v []float32, a *AdamStep) {
	g, m, v = g[:len(w)], m[:len(w)], v[:len(w)]
	for i := range w {
		gi := a.G * g[i]
		mi := a.B1*m[i] + a.R1*gi
		vi := a.B2*v[i] + a.R2*(gi*gi)
		m[i], v[i] = mi, vi
		root := float32(math.Sqrt(float64(a.C2 * vi)))
		w[i] -= a.LR * (a.C1*mi/(root+a.Eps) + a.Decay*w[i])
	}
}
