package inspect

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// blockState says what has become of a position.
type blockState uint8

const (
	neverActive blockState = iota
	onceActive
	activeNow
)

// blockStates returns the state of every position.
func blockStates(t *sparse.Topology) []blockState {
	states := make([]blockState, t.Positions())
	for p := range states {
		if t.Explored[p/64]>>(p%64)&1 == 1 {
			states[p] = onceActive
		}
	}
	for slot := range t.NNZ() {
		states[t.Position(slot)] = activeNow
	}
	return states
}

// Largest picture in text, in characters; a larger tensor is shown by its densest state per cell.
const (
	textCols = 128
	textRows = 64
)

// Draw draws a topology with one character a block, or a square of blocks: █ active, ░ active once,
// · never.
func Draw(w io.Writer, t *sparse.Topology) {
	states := blockStates(t)
	step := max(1, (t.BlockCols()+textCols-1)/textCols, (t.BlockRows()+textRows-1)/textRows)
	for r := 0; r < t.BlockRows(); r += step {
		var line strings.Builder
		for c := 0; c < t.BlockCols(); c += step {
			cell := neverActive
			for y := r; y < min(r+step, t.BlockRows()); y++ {
				for x := c; x < min(c+step, t.BlockCols()); x++ {
					cell = max(cell, states[y*t.BlockCols()+x])
				}
			}
			line.WriteRune([]rune("·░█")[cell])
		}
		fmt.Fprintln(w, line.String())
	}
}

// WritePNG writes the picture as a file with one pixel a block: active dark, once active gray.
func WritePNG(path string, t *sparse.Topology) (err error) {
	img := image.NewGray(image.Rect(0, 0, t.BlockCols(), t.BlockRows()))
	shades := []color.Gray{{Y: 255}, {Y: 176}, {Y: 16}}
	for p, s := range blockStates(t) {
		img.SetGray(p%t.BlockCols(), p/t.BlockCols(), shades[s])
	}
	f, err := os.Create(path)
	if err != nil {
		return usage.Errorf("png: found %v, expected a file that can be written", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := png.Encode(f, img); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}
