package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkTile reports the rate of the register tiles on operands that fit the L1
// cache, which is as fast as they can be.
func BenchmarkTile(b *testing.B) {
	const inner = 128 // of all of them: at most 20 KiB of operands
	for _, p := range Paths() {
		k, err := ForPath(p)
		if err != nil {
			b.Fatal(err)
		}
		x, y, c := random(inner*Lanes/2, 1), random(inner*PanelWidth, 2), make([]float32, TileRows*Lanes)
		start := make([]float32, PanelWidth)
		product := func() func() {
			blocks := Blocks{Values: y, LDB: PanelWidth, Ptr: []int32{0, int32(inner / PanelWidth)}, Per: 1, Subs: 1}
			for s := 0; s < inner; s += PanelWidth {
				blocks.Segs = append(blocks.Segs, Seg{int32(s * TileRows), int32(s * PanelWidth)})
			}
			p := Product{C: c, LDC: PanelWidth, A: x, B: &blocks, Panels: 1, Start: start}
			return func() { k.Tile16(&p) }
		}
		// As many blocks as are multiplied at once.
		blocks4 := GradBlocks{C: c, A: x, B: y, Slots: make([]int32, 4), Index: []int32{0}, Lines: inner, Packing: &Packing{}, Every: inner}
		blocks8 := blocks4
		blocks8.Slots = make([]int32, 3)
		lines := inner * k.GradWidth / PanelWidth
		tiles := GradTiles{C: c, LDC: PanelWidth, A: x, B: y, Slots: []int32{0}, Index: []int32{0}, Size: lines * PanelWidth, Lines: lines, Packing: &Packing{}, Every: lines, Parts: 1}
		var segs []Seg
		for s := range inner / 8 {
			segs = append(segs, Seg{int32(s % 8 * 4 * Lanes), int32(s * 16)})
		}
		var eights []Seg
		for s := range inner / 8 {
			eights = append(eights, Seg{int32(s % 8 * 8 * LanesOf(8)), int32(s * 64)})
		}
		eight := make([]float32, 8*LanesOf(8))
		for _, v := range []struct {
			name string
			work int // multiplications
			f    func()
		}{
			{"Tile16", TileRows * 16 * inner, product()},
			{"Outer16", 16 * 16 * inner, func() { k.Outer16(c, 16, x, 16, y, 16, inner, true) }},
			{"GradTiles", 16 * 16 * inner, func() { k.GradTiles(&tiles) }},
			{"Lanes4", 16 * Lanes * len(segs), func() { k.Lanes4(c, x, segs, y, start) }},
			{"Lanes4Transposed", 16 * Lanes * len(segs), func() { k.Lanes4Transposed(c, x, segs, y, start) }},
			{"Lanes8", 64 * LanesOf(8) * len(eights), func() { k.Lanes8(eight, x, eights, y, start) }},
			{"GradBlocks4", 4 * 4 * 16 * inner, func() { k.GradBlocks4(&blocks4) }},
			{"GradBlocks8", 3 * 8 * 16 * inner, func() { k.GradBlocks8(&blocks8) }},
		} {
			b.Run(fmt.Sprintf("%v/%s", p, v.name), func(b *testing.B) {
				for b.Loop() {
					v.f()
				}
				b.ReportMetric(2*float64(v.work)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
