package kernel

// Packing is work that gradients do beside their multiplications: packing the next
// micro-panels, and prefetching. It packs rows of Group*PanelWidth columns of the path,
// Stride elements apart in Src, into micro-panels of a width that the function beside it
// has, which start Step elements apart in Dst:
//
//	Dst[c/width*Step + r/m*PanelWidth + c%width*m + r%m] = Src[r*Stride + c],   m = PanelWidth/width
//
// Of the Lines lines of each micro-panel the first Done are done. Beside each line, as many
// rows of Prefetch, as far apart as those of Src, are prefetched: what is packed next.
// Neither is nil.
//
// On a path with PrefetchNext, GradTiles also prefetches four cache lines of Next from element
// NextAt on, and advances NextAt by NextStep. It does so beside each line whose distance to
// the last one is a multiple of NextMask+1, which is a power of two. Next is not nil; where
// nothing is to be prefetched NextStep is 0.
type Packing struct {
	Src, Prefetch []float32
	Stride        int
	Dst           []float32
	Step          int
	Done          int
	Lines         int

	Next                       []float32
	NextAt, NextStep, NextMask int
}

// Finish packs the lines that are not done into micro-panels of a width.
func (p *Packing) Finish(k *Set, width int) {
	if n := p.Lines - p.Done; n > 0 {
		k.PackInterleaved(p.Dst[p.Done*PanelWidth:], p.Step, p.Src[p.Done*(PanelWidth/width)*p.Stride:], p.Stride, n, k.Group, width)
		p.Done = p.Lines
	}
}

// PackInterleaved packs cols16*PanelWidth columns into micro-panels of a width, 4, 8 or 16, as
// Packing says. Their rows are lds elements apart.
func (k *Set) PackInterleaved(dst []float32, step int, src []float32, lds, lines, cols16, width int) {
	interleave := k.interleave8
	switch width {
	case 4:
		interleave = k.interleave4
	case 16:
		interleave = k.interleave16
	}
	interleave(dst, step, src, lds, lines, cols16)
}

func interleaveGo(width int) func(dst []float32, step int, src []float32, lds int, lines, cols16 int) {
	m := PanelWidth / width
	return func(dst []float32, step int, src []float32, lds int, lines, cols16 int) {
		for r := range lines * m {
			for c, v := range src[r*lds:][:cols16*PanelWidth] {
				dst[c/width*step+r/m*PanelWidth+c%width*m+r%m] = v
			}
		}
	}
}
