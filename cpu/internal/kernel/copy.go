package kernel

func packPanelGo(dst, src []float32, lds, rows, cols int) {
	for r := range rows {
		for c := 0; c < cols; c += PanelWidth {
			n := min(PanelWidth, cols-c)
			copy(dst[c*TileRows+r*PanelWidth:][:n], src[r*lds+c:])
		}
	}
}

func transposeGo(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
	for r := range rows {
		for c, v := range src[r*lds : r*lds+cols] {
			dst[c*ldd+r] = v
		}
	}
}

func copy16Go(dst []float32, ldd int, src []float32, lds int, rows int) {
	for r := range rows {
		copy(dst[r*ldd:r*ldd+16], src[r*lds:r*lds+16])
	}
}
