package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/png"
	"math"
	"strconv"
	"strings"
)

// svgCanvas writes SVG by hand. gonum's own vgsvg fixes every color and font in
// each element, so that a figure could not follow the page from light to dark,
// writes coordinates to full precision, which makes curves three times as large,
// and has no tooltips. Here colors are classes (see [chartStyle]) and
// coordinates have one decimal.
type svgCanvas struct {
	out strings.Builder
	err error
}

// number writes a coordinate: one decimal, no trailing zero.
func number(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		return "0" // not -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// class names a color.
func (i ink) class() string {
	if i < 0 {
		return roles[-1-i].name
	}
	return "c" + strconv.Itoa(int(i)%len(palette))
}

func opacity(alpha float64) string {
	if alpha == 0 || alpha == 1 {
		return ""
	}
	return fmt.Sprintf(` opacity="%.2g"`, alpha)
}

// pathData writes points as the d of a path, in steps relative to the last point,
// which are shorter.
func pathData(points []point, closed bool) string {
	var d strings.Builder
	pen := false
	var lastX, lastY float64 // in tenths, as written
	step := func(v float64) {
		text := number(v / 10)
		if text[0] != '-' {
			d.WriteByte(' ')
		}
		d.WriteString(text)
	}
	for _, p := range points {
		x, y := math.Round(p.x*10), math.Round(p.y*10)
		switch {
		case !finite(p.x) || !finite(p.y):
			pen = false
			continue
		case !pen:
			fmt.Fprintf(&d, "M%s,%s", number(p.x), number(p.y))
			d.WriteByte('l')
		default:
			if x == lastX && y == lastY {
				continue
			}
			step(x - lastX)
			step(y - lastY)
		}
		pen, lastX, lastY = true, x, y
	}
	text := strings.ReplaceAll(d.String(), "lM", "h0M")
	if cut, ok := strings.CutSuffix(text, "l"); ok {
		text = cut + "h0" // a dot, with round ends
	}
	if closed {
		text += "z"
	}
	return text
}

func (c *svgCanvas) path(points []point, s stroke, name string) {
	d := pathData(points, false)
	if d == "" {
		return
	}
	fmt.Fprintf(&c.out, `<path class="l %s" stroke-width="%s"`, s.color.class(), number(s.width))
	if dash := dashes[s.dash%len(dashes)]; dash != nil {
		fmt.Fprintf(&c.out, ` stroke-dasharray="%s"`, strings.Trim(fmt.Sprint(dash), "[]"))
	}
	if name != "" {
		fmt.Fprintf(&c.out, ` data-s="%s"`, escape(name))
	}
	fmt.Fprintf(&c.out, `%s d="%s"/>`, opacity(s.alpha), d)
}

// title writes a tooltip and the end of an element.
func (c *svgCanvas) title(tip, element string) {
	if tip == "" {
		c.out.WriteString("/>")
		return
	}
	fmt.Fprintf(&c.out, "><title>%s</title></%s>", escape(tip), element)
}

func (c *svgCanvas) rect(x, y, w, h float64, f fill, tip string) {
	if w <= 0 || h <= 0 {
		return
	}
	fmt.Fprintf(&c.out, `<rect class="f %s" x="%s" y="%s" width="%s" height="%s"%s`,
		f.color.class(), number(x), number(y), number(w), number(h), opacity(f.alpha))
	c.title(tip, "rect")
}

func (c *svgCanvas) mark(at point, m marker, size float64, color ink, hollow bool, tip string) {
	if m == markNone || !finite(at.x) || !finite(at.y) {
		return
	}
	kind := "f edge"
	if hollow {
		kind = "l hollow"
	}
	if corners := m.outline(at, size); corners != nil {
		fmt.Fprintf(&c.out, `<path class="%s %s" d="%s"`, kind, color.class(), pathData(corners, true))
		c.title(tip, "path")
		return
	}
	fmt.Fprintf(&c.out, `<circle class="%s %s" cx="%s" cy="%s" r="%s"`, kind, color.class(), number(at.x), number(at.y), number(size))
	c.title(tip, "circle")
}

func (c *svgCanvas) text(x, y float64, s string, t textStyle) {
	bold := ""
	if t.bold {
		bold = ` font-weight="600"`
	}
	halo := ""
	if t.halo {
		halo = " halo"
	}
	end := [...]string{"", ` text-anchor="middle"`, ` text-anchor="end"`}[t.anchor]
	fmt.Fprintf(&c.out, `<text class="f %s%s" x="%s" y="%s" font-size="%s"%s%s>%s</text>`,
		t.color.class(), halo, number(x), number(y), number(t.size), bold, end, escape(s))
}

func (c *svgCanvas) image(x, y, w, h float64, img *image.NRGBA) {
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&file, reduce(img)); err != nil {
		c.err = fmt.Errorf("encode a picture: %w", err)
		return
	}
	fmt.Fprintf(&c.out, `<image x="%s" y="%s" width="%s" height="%s" preserveAspectRatio="none" style="image-rendering:pixelated" href="data:image/png;base64,%s"/>`,
		number(x), number(y), number(w), number(h), base64.StdEncoding.EncodeToString(file.Bytes()))
}

// escape makes a text safe in an element and in a quoted attribute. XML has no
// way to write control characters.
func escape(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// chartStyle is the style sheet of figures, the same in the page and in SVG files:
// colors for a light ground, and for a dark one where the reader's screen is dark.
// Printed, it is light.
func chartStyle() string {
	var light, dark, rules strings.Builder
	variable := func(class, onLight, onDark string) {
		fmt.Fprintf(&light, "--%s:%s;", class, onLight)
		fmt.Fprintf(&dark, "--%s:%s;", class, onDark)
		fmt.Fprintf(&rules, ".l.%s{stroke:var(--%[1]s)}.f.%[1]s{fill:var(--%[1]s)}", class)
	}
	for i, p := range palette {
		variable(ink(i).class(), p.light, p.dark)
	}
	for i, r := range roles {
		variable(ink(-1-i).class(), r.light, r.dark)
	}
	return ":root{" + light.String() + "color-scheme:light dark}" +
		"@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}" +
		".l{fill:none;stroke-linejoin:round;stroke-linecap:round}.edge{stroke:var(--surface);stroke-width:1.2}" +
		".halo{paint-order:stroke;stroke:var(--surface);stroke-width:3.5;stroke-linejoin:round}" +
		".l.hollow{stroke-width:1.4;opacity:.45}" + rules.String() +
		"svg text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
}

// drawSVG draws a figure. alone: as a file of its own, with the style sheet.
func drawSVG(f figure, w, h float64, alone bool) (string, error) {
	var c svgCanvas
	m := f.meta()
	fmt.Fprintf(&c.out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="img" aria-label="%s"`, number(w), number(h), escape(m.title))
	if alone {
		fmt.Fprintf(&c.out, ` width="%s" height="%s"><style>%s</style>`, number(w), number(h), html.EscapeString(chartStyle()))
		c.rect(0, 0, w, h, fill{color: inkSurface}, "")
	} else {
		fmt.Fprintf(&c.out, ` id="%s-%s"%s>`, m.name, number(w), plotData(f, w, h))
	}
	f.draw(&c, w, h)
	c.out.WriteString("</svg>")
	return c.out.String(), c.err
}
