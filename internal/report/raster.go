package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// pngScale is how many pixels of a PNG file a unit of a figure takes.
const pngScale = 2

// pngCanvas draws with gonum's vgimg, in light colors.
type pngCanvas struct {
	c *vgimg.Canvas
	h float64 // vg has its origin at the bottom
}

func (c *pngCanvas) at(p point) vg.Point { return vg.Point{X: vg.Length(p.x), Y: vg.Length(c.h - p.y)} }

// set chooses a color, mixed with the ground where it is not opaque.
func (c *pngCanvas) set(i ink, alpha float64) {
	rgb, _ := strconv.ParseUint(i.light()[1:], 16, 32)
	col := color.NRGBA{uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb), 255}
	if alpha > 0 {
		col.A = uint8(math.Round(255 * min(alpha, 1)))
	}
	c.c.SetColor(col)
}

func (c *pngCanvas) path(points []point, s stroke, _ string) {
	c.set(s.color, s.alpha)
	c.c.SetLineWidth(vg.Length(s.width))
	var dash []vg.Length
	for _, d := range dashes[s.dash%len(dashes)] {
		dash = append(dash, vg.Length(d))
	}
	c.c.SetLineDash(dash, 0)
	var path vg.Path
	for _, p := range points {
		switch {
		case !finite(p.x) || !finite(p.y):
			c.stroke(path)
			path = nil
		case path == nil:
			path.Move(c.at(p))
		default:
			path.Line(c.at(p))
		}
	}
	c.stroke(path)
}

func (c *pngCanvas) stroke(path vg.Path) {
	if len(path) > 1 {
		c.c.Stroke(path)
	}
}

// polygon is a closed path through corners.
func (c *pngCanvas) polygon(corners []point) (path vg.Path) {
	path.Move(c.at(corners[0]))
	for _, p := range corners[1:] {
		path.Line(c.at(p))
	}
	path.Close()
	return path
}

func (c *pngCanvas) rect(x, y, w, h float64, f fill, _ string) {
	if w <= 0 || h <= 0 {
		return
	}
	c.set(f.color, f.alpha)
	c.c.Fill(c.polygon([]point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}))
}

func (c *pngCanvas) mark(at point, m marker, size float64, col ink, hollow bool, _ string) {
	if m == markNone || !finite(at.x) || !finite(at.y) {
		return
	}
	var path vg.Path
	if corners := m.outline(at, size); corners != nil {
		path = c.polygon(corners)
	} else {
		path.Move(c.at(point{at.x + size, at.y}))
		path.Arc(c.at(at), vg.Length(size), 0, 2*math.Pi)
		path.Close()
	}
	c.c.SetLineDash(nil, 0)
	if hollow {
		c.set(col, 0.45)
		c.c.SetLineWidth(1.4)
		c.c.Stroke(path)
		return
	}
	c.set(col, 0)
	c.c.Fill(path)
	c.set(inkSurface, 0)
	c.c.SetLineWidth(1.2)
	c.c.Stroke(path)
}

func (c *pngCanvas) text(x, y float64, s string, t textStyle) {
	switch t.anchor {
	case anchorStart:
	case anchorMiddle:
		x -= measure(s, t) / 2
	case anchorEnd:
		x -= measure(s, t)
	}
	if t.halo {
		c.set(inkSurface, 0)
		for _, d := range []point{{-1.5, 0}, {1.5, 0}, {0, -1.5}, {0, 1.5}, {-1, -1}, {1, 1}, {-1, 1}, {1, -1}} {
			c.c.FillString(faceOf(t), c.at(point{x + d.x, y + d.y}), s)
		}
	}
	c.set(t.color, 0)
	c.c.FillString(faceOf(t), c.at(point{x, y}), s)
}

func (c *pngCanvas) image(x, y, w, h float64, img *image.NRGBA) {
	sharp := enlarge(img, int(math.Round(w*pngScale)), int(math.Round(h*pngScale)))
	c.c.DrawImage(vg.Rectangle{Min: c.at(point{x, y + h}), Max: c.at(point{x + w, y})}, sharp)
}

// enlarge repeats pixels: vgimg would smooth them.
func enlarge(img *image.NRGBA, w, h int) *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, max(w, 1), max(h, 1)))
	size := img.Bounds().Size()
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			out.SetNRGBA(x, y, img.NRGBAAt(x*size.X/out.Rect.Dx(), y*size.Y/out.Rect.Dy()))
		}
	}
	return out
}

// reduce gives an image of at most 256 colors a palette, which makes its file
// smaller.
func reduce(img *image.NRGBA) image.Image {
	var colors color.Palette
	index := map[color.NRGBA]uint8{}
	out := image.NewPaletted(img.Rect, nil)
	for i := range out.Pix {
		p := color.NRGBA{img.Pix[4*i], img.Pix[4*i+1], img.Pix[4*i+2], img.Pix[4*i+3]}
		at, ok := index[p]
		if !ok {
			if len(colors) == 256 {
				return img
			}
			at = uint8(len(colors))
			index[p] = at
			colors = append(colors, p)
		}
		out.Pix[i] = at
	}
	out.Palette = colors
	return out
}

// drawPNG draws a figure as a PNG file.
func drawPNG(f figure, w, h float64) ([]byte, error) {
	c := &pngCanvas{c: vgimg.NewWith(vgimg.UseWH(vg.Length(w), vg.Length(h)), vgimg.UseDPI(72*pngScale)), h: h}
	f.draw(c, w, h)
	var out bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: c.c}).WriteTo(&out); err != nil {
		return nil, fmt.Errorf("encode figure %s: %w", f.meta().name, err)
	}
	return out.Bytes(), nil
}
