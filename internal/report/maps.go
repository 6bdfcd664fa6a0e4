package report

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// mapCells is the most cells of a snapshot of one tensor.
const mapCells = 1 << 14

// Colors of snapshots: they show on a light and on a dark ground.
var (
	mapActive  = color.NRGBA{0x2f, 0x6f, 0xed, 0xff}
	mapOnce    = color.NRGBA{0x2f, 0x6f, 0xed, 0x55}
	mapNew     = color.NRGBA{0xf0, 0x6a, 0x1d, 0xff}
	mapRemoved = color.NRGBA{0x80, 0x88, 0x94, 0x66}
)

// look reads the run's newest good checkpoint.
func (d *detail) look() {
	if d.run.resultAlone {
		d.note = "Its result alone was read, without its folder: no snapshot of the topology."
		return
	}
	in, err := train.Inspect(d.run.Dir)
	damaged := errors.Is(err, checkpoint.ErrCorrupt) || errors.Is(err, checkpoint.ErrNewer) || errors.Is(err, checkpoint.ErrUnreadable)
	switch {
	case !damaged && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, checkpoint.ErrNone)):
		d.note = "There is no checkpoint yet: no snapshot of the topology."
	case err != nil:
		d.note = fmt.Sprintf("No snapshot of the topology: %v.", err)
	default:
		d.inspect = in
	}
}

// panelSet is snapshots of one tensor beside each other.
type panelSet struct {
	about
	panels []panel
	legend []key
}

type panel struct {
	label string
	img   *image.NRGBA
}

// mostPanels is the most snapshots of a movie.
const mostPanels = 24

// arrange chooses how many panels stand in a row of width w, and their size: each
// as large as it can be.
func (s *panelSet) arrange(w float64) (perRow int, width, height float64) {
	const gap = 10
	wide, high := 1., 1.
	for _, p := range s.panels {
		wide, high = max(wide, float64(p.img.Rect.Dx())), max(high, float64(p.img.Rect.Dy()))
	}
	for perRow = 1; perRow < len(s.panels); perRow++ {
		width = (w - 2*inset - gap*float64(perRow-1)) / float64(perRow)
		height = width * high / wide
		rows := math.Ceil(float64(len(s.panels)) / float64(perRow))
		if rows*(height+24) <= w*0.62 && height <= 260 {
			break
		}
	}
	width = (w - 2*inset - gap*float64(perRow-1)) / float64(perRow)
	height = width * high / wide
	if height > 260 {
		width, height = width*260/height, 260
	}
	return perRow, width, height
}

func (s *panelSet) height(w float64) float64 {
	perRow, _, height := s.arrange(w)
	rows := (len(s.panels) + perRow - 1) / perRow
	return headHeight(s.legend, w) + float64(rows)*(height+26) + 8
}

func (s *panelSet) narrow() (w, h float64) { return 400, s.height(400) }

func (s *panelSet) draw(out canvas, w, _ float64) {
	drawHead(out, s.title, s.legend, w)
	top := headHeight(s.legend, w) + 16
	perRow, width, height := s.arrange(w)
	slot := (w - 2*inset + 10) / float64(perRow)
	for i, p := range s.panels {
		x := inset + float64(i%perRow)*slot
		y := top + float64(i/perRow)*(height+26)
		out.text(x, y, fit(p.label, labelStyle, slot-4), labelStyle)
		y += 6
		out.rect(x, y, width, height, fill{color: inkPanel}, "")
		out.image(x, y, width, height, p.img)
	}
}

// snapshots draws the topology of the run: now, and how it came to be.
func (d *detail) snapshots() []figure {
	var out []figure
	if d.inspect != nil {
		for _, want := range []int{0, 4} { // query and ffn up of the first layer
			for _, t := range d.inspect.Tensors {
				if layer, weight, ok := placeOf(t.Name); ok && layer == 0 && weight == want && t.Topology != nil {
					out = append(out, topologyNow(t, weightNames[want].short, d.inspect.Step))
				}
			}
		}
	}
	if f := movie(d.run.Snapshots); f != nil {
		out = append(out, f)
	}
	return out
}

// topologyNow draws active, ever active and age of one tensor.
func topologyNow(t train.InspectedTensor, short string, step int64) *panelSet {
	topo := t.Topology
	rows, cols, side := topo.Grid(mapCells)
	_, _, active := topo.Cells(mapCells)
	ever := make([]float64, rows*cols)
	age, actives := make([]float64, rows*cols), make([]float64, rows*cols)
	cell := func(p int) int { return p/topo.BlockCols()/side*cols + p%topo.BlockCols()/side }
	for p := range topo.Positions() {
		if topo.Explored[p/64]>>(p%64)&1 == 1 {
			ever[cell(p)]++
		}
	}
	for slot := range topo.NNZ() {
		c := cell(topo.Position(slot))
		age[c] += float64(step - int64(topo.Born[slot]))
		actives[c]++
	}
	blocks := func(i int) float64 {
		return float64(min(side, topo.BlockRows()-i/cols*side) * min(side, topo.BlockCols()-i%cols*side))
	}
	now, once, old := newPicture(rows, cols), newPicture(rows, cols), newPicture(rows, cols)
	for i := range active {
		paint(now, i, mapActive, float64(active[i])/255)
		paint(once, i, mapOnce, ever[i]/blocks(i))
		if active[i] > 0 {
			paint(once, i, mapActive, max(ever[i]/blocks(i), float64(active[i])/255))
			paint(old, i, ageColor(age[i]/actives[i]/float64(max(step, 1))), float64(active[i])/255)
		}
	}
	s := &panelSet{
		about: about{
			name: "topology-" + map[string]string{"query": "query", "ffn up": "ffn-up"}[short], title: "Topology of layer 0, " + short,
			caption: fmt.Sprintf("%s at step %d: %d of %d blocks of %d active, %.1f%% ever active; outputs go down, inputs to the right.%s",
				t.Name, step, t.Active, t.Positions, t.Block, 100*t.ExploredDOF, cellNote(side)),
		},
		panels: []panel{{"active now", now}, {"ever active", once}, {"age", old}},
		legend: []key{
			{label: "active", line: stroke{color: 0, width: swatch}}, {label: "once active", line: stroke{color: 0, width: swatch, alpha: 0.33}},
			{label: "age: young", line: stroke{color: 1, width: swatch}}, {label: "old", line: stroke{color: 3, width: swatch}},
		},
	}
	s.w = chartWidth
	s.h = s.height(s.w)
	return s
}

func cellNote(side int) string {
	if side == 1 {
		return " A cell is a block."
	}
	return fmt.Sprintf(" A cell is a square of %d x %d blocks, shaded by their share.", side, side)
}

func newPicture(rows, cols int) *image.NRGBA { return image.NewNRGBA(image.Rect(0, 0, cols, rows)) }

// paint colors cell i; a weak share is still seen.
func paint(img *image.NRGBA, i int, c color.NRGBA, share float64) {
	if share <= 0 {
		return
	}
	c.A = uint8(math.Round(float64(c.A) * (0.25 + 0.75*min(share, 1))))
	img.SetNRGBA(i%img.Rect.Dx(), i/img.Rect.Dx(), c)
}

// ageColor goes from orange (new) over rose to violet (as old as the run).
func ageColor(age float64) color.NRGBA {
	age = min(max(age, 0), 1)
	stops := [][3]float64{{0xf0, 0x6a, 0x1d}, {0xe0, 0x45, 0x7b}, {0x7a, 0x3f, 0xd6}}
	at := age * 2
	i := min(int(at), 1)
	mix := func(k int) uint8 { return uint8(math.Round(stops[i][k] + (at-float64(i))*(stops[i+1][k]-stops[i][k]))) }
	return color.NRGBA{mix(0), mix(1), mix(2), 255}
}

// movie shows how a tensor's topology changed, nil without two snapshots.
func movie(snapshots []metrics.Snapshot) *panelSet {
	var of []metrics.Snapshot // one tensor, one size
	for _, p := range snapshots {
		if p.Rows*p.Cols > 4*mapCells {
			continue // not of this program
		}
		if len(of) == 0 || p.Tensor == of[0].Tensor && p.Rows == of[0].Rows && p.Cols == of[0].Cols {
			of = append(of, p)
		}
	}
	if len(of) > mostPanels {
		of = slices.Concat(of[:mostPanels-1], of[len(of)-1:])
	}
	if len(of) < 2 {
		return nil
	}
	s := &panelSet{
		about: about{name: "topology-time", title: "How the topology changed", caption: fmt.Sprintf("%s, snapshot by snapshot: outputs go down, inputs to the right.", of[0].Tensor)},
		legend: []key{
			{label: "active before too", line: stroke{color: 0, width: swatch}},
			{label: "new since the last snapshot", line: stroke{color: 1, width: swatch}},
			{label: "removed since", line: stroke{color: inkDense, width: swatch, alpha: 0.4}},
		},
	}
	for k, p := range of {
		img := newPicture(int(p.Rows), int(p.Cols))
		for i, cell := range p.Cells {
			before := cell
			if k > 0 {
				before = of[k-1].Cells[i]
			}
			switch {
			case cell == 0 && before > 0:
				paint(img, i, mapRemoved, float64(before)/255)
			case cell > 0 && before == 0:
				paint(img, i, mapNew, float64(cell)/255)
			case cell > 0:
				paint(img, i, mapActive, float64(cell)/255)
			}
		}
		s.panels = append(s.panels, panel{"step " + metric(float64(p.Step)), img})
	}
	s.w, s.wide = 820, true
	s.h = s.height(s.w)
	return s
}
