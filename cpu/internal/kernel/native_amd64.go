//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// native returns the assembly loops of a path, or nil where the processor
// cannot run them. Functions that the assembly lacks are the Go ones.
func native(p Path) *Set {
	hasAVX2 := cpu.X86.HasAVX2 && cpu.X86.HasFMA
	hasAVX512 := hasAVX2 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL
	s := goSet()
	s.Path = p
	switch {
	case p == AVX2 && hasAVX2:
		useAVX2(s)
	case p == AVX512 && hasAVX512:
		useAVX512(s)
	case p == AVX512Broadcast && hasAVX512:
		useAVX512(s)
		useBroadcast(s)
	default:
		return nil
	}
	s.Fence = fenceSSE
	return s
}

func useAVX2(s *Set) {
	s.Tile16 = tileCall(tile16AVX2)
	s.Outer16 = outer16AVX2
	s.Lanes4, s.Lanes4Transposed = lanes4AVX2, lanes4TransposedAVX2
	s.Lanes8, s.Lanes8Transposed = lanes8AVX2, lanes8TransposedAVX2
	s.SpMV = spmvAVX2
	s.GradBlocks4, s.GradBlocks4Transposed = gradBlocks4AVX2, gradBlocks4TransposedAVX2
	s.GradBlocks8, s.GradBlocks8Transposed = gradBlocks8AVX2, gradBlocks8TransposedAVX2
	s.GradTiles = gradTilesAVX2
	s.interleave4, s.interleave8 = interleaveCall(interleave4AVX2), interleaveCall(interleave8AVX2)
	s.PackPanel, s.Copy16, s.ColumnSums16 = packPanelCall(packPanelAVX2), copy16AVX2, columnSumsAVX2
	s.Transpose = transposeCall(8, transposeAVX2, transposeGo)
	s.TransposeNonTemporal = s.Transpose
	s.AttnTiles, s.AttnTilesTransposed = attnTilesAVX2, attnTilesTransposedAVX2
	s.SoftmaxPanel, s.ExpPanel, s.ScalePanel = softmaxPanelAVX2, expPanelAVX2, scalePanelAVX2
	s.DropoutPanel, s.SoftmaxGradPanel = dropoutPanelAVX2, softmaxGradPanelAVX2
	useVectors(s, 8, &vectorFuncs{
		dotAVX2, sumAVX2, sumSqDiffAVX2, maxAVX2, sumSqAVX2,
		axpyAVX2, scaleAVX2,
		normalizeAVX2, normSumsAVX2, normGradAVX2,
		expShiftAVX2, geluAVX2, geluGradAVX2, geluNonTemporalAVX2, geluGradNonTemporalAVX2, adamAVX2,
		timesAVX2, sumTimesAVX2, dropoutAVX2, dotsAVX2,
	})
}

func useAVX512(s *Set) {
	s.Tile16, s.PairRows = tileCall(tile16AVX512), pairRows
	s.Outer16 = outer16AVX512
	s.Lanes4, s.Lanes4Transposed = lanes4AVX512, lanes4TransposedAVX512
	s.Lanes8, s.Lanes8Transposed = lanes8AVX512, lanes8TransposedAVX512
	s.SpMV = spmvAVX512
	s.GradBlocks4, s.GradBlocks4Transposed = gradBlocks4AVX512, gradBlocks4TransposedAVX512
	s.GradBlocks8, s.GradBlocks8Transposed = gradBlocks8AVX512, gradBlocks8TransposedAVX512
	s.GradTiles = gradTilesAVX512
	s.interleave4, s.interleave8 = interleaveCall(interleave4AVX512), interleaveCall(interleave8AVX512)
	s.PackPanel, s.Copy16, s.ColumnSums16 = packPanelCall(packPanelAVX512), copy16AVX512, columnSumsAVX512
	edge := transposeCall(8, transposeAVX2, transposeGo)
	s.Transpose = transposeCall(16, transposeAVX512, edge)
	s.TransposeNonTemporal = wholeLines(transposeCall(16, transposeNonTemporalAVX512, edge), s.Transpose)
	s.AttnTiles, s.AttnTilesTransposed = attnTilesAVX512, attnTilesTransposedAVX512
	s.SoftmaxPanel, s.ExpPanel, s.ScalePanel = softmaxPanelAVX512, expPanelAVX512, scalePanelAVX512
	s.DropoutPanel, s.SoftmaxGradPanel = dropoutPanelAVX512, softmaxGradPanelAVX512
	useVectors(s, 16, &vectorFuncs{
		dotAVX512, sumAVX512, sumSqDiffAVX512, maxAVX512, sumSqAVX512,
		axpyAVX512, scaleAVX512,
		normalizeAVX512, normSumsAVX512, normGradAVX512,
		expShiftAVX512, geluAVX512, geluGradAVX512, geluNonTemporalAVX512, geluGradNonTemporalAVX512, adamAVX512,
		timesAVX512, sumTimesAVX512, dropoutAVX512, dotsAVX512,
	})
}

// useBroadcast replaces the loops that multiply.
func useBroadcast(s *Set) {
	s.Tile16, s.PairRows = tileCall(tile16AVX512Bcst), nil
	s.GELUTile, s.GELUGradTile = evenPanels(finishedCall(geluTileAVX512Bcst)), finishedCall(geluGradTileAVX512Bcst)
	s.AttnTiles, s.AttnTilesTransposed = attnTilesAVX512Bcst, attnTilesTransposedAVX512Bcst
	s.GradBlocks4, s.GradBlocks4Transposed = gradBlocks4AVX512Bcst, gradBlocks4TransposedAVX512Bcst
	s.GradBlocks8, s.GradBlocks8Transposed = gradBlocks8AVX512Bcst, gradBlocks8TransposedAVX512Bcst
	s.GradTiles, s.GradWidth, s.interleave16 = gradTilesAVX512Bcst, 16, interleaveCall(interleave16AVX512)
	s.Group, s.PrefetchNext = 4, true
}
