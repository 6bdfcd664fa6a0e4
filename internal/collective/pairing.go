package collective

// Pairing adds vectors in the binary tree as they come, with as few of them in memory as
// the tree allows: log2 of their number and one. The zero value is ready.
//
//	for range replicas {
//		v := p.Next(n) // to be filled
//		...
//		p.Add(v)
//	}
//	sum := p.Sum()
type Pairing struct {
	count int         // vectors added
	sums  [][]float32 // of whole subtrees, the largest first: one for each bit of count
	free  [][]float32
}

// Next returns a vector of n elements for the next Add, of any content.
func (p *Pairing) Next(n int) []float32 {
	for len(p.free) > 0 {
		v := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		if cap(v) >= n {
			return v[:n]
		}
	}
	return make([]float32, n)
}

// Add adds a vector, as long as those before it, which belongs to p from now on.
func (p *Pairing) Add(v []float32) {
	for i := p.count; i&1 == 1; i >>= 1 {
		top := p.sums[len(p.sums)-1]
		p.sums = p.sums[:len(p.sums)-1]
		Add(top, v)
		p.free = append(p.free, v)
		v = top
	}
	p.sums = append(p.sums, v)
	p.count++
}

// Sum returns the sum of a power of two of vectors, and begins again: the sum holds until
// Next is called.
func (p *Pairing) Sum() []float32 {
	v := p.sums[0]
	p.count, p.sums, p.free = 0, p.sums[:0], append(p.free, v)
	return v
}
