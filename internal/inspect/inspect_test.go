package inspect_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/inspect"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// moved is a topology of rows x cols blocks that has been updated once, so that some positions were
// active before and are not now.
func moved(t *testing.T, rows, cols, active int) *sparse.Topology {
	t.Helper()
	shape := sparse.Shape{Out: 4 * rows, In: 4 * cols, Block: 4}
	topology, err := sparse.StartTopology(shape, active, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, active*shape.BlockSize())
	for i := range values {
		values[i] = float32(i)
	}
	u := sparse.Update{Seed: 1, Number: 1, Step: 1, PruneRatio: 0.5, Norm: sparse.L1, Growth: sparse.GrowRandom}
	if _, err := topology.Update(values, nil, u, 0); err != nil {
		t.Fatal(err)
	}
	return topology
}

// Each character is the state of its block.
func TestDraw(t *testing.T) {
	topology := moved(t, 3, 5, 6)
	var out bytes.Buffer
	inspect.Draw(&out, topology)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("found %d lines, expected 3: %q", len(lines), out.String())
	}
	counts := map[rune]int{}
	for _, l := range lines {
		if n := len([]rune(l)); n != 5 {
			t.Errorf("found a line of %d characters, expected 5", n)
		}
		for _, r := range l {
			counts[r]++
		}
	}
	if counts['█'] != 6 || counts['░'] == 0 || counts['░'] > 3 || counts['█']+counts['░']+counts['·'] != 15 {
		t.Errorf("found %v, expected 6 active blocks and at most 3 that were", counts)
	}
	for slot := range topology.NNZ() {
		p := topology.Position(slot)
		if r := []rune(lines[p/5])[p%5]; r != '█' {
			t.Errorf("position %d: found %c, expected an active block", p, r)
		}
	}
}

// A large topology is drawn in at most 128 x 64 characters, and a lone active block stays visible.
func TestDrawLarge(t *testing.T) {
	topology := moved(t, 100, 300, 1)
	var out bytes.Buffer
	inspect.Draw(&out, topology)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) > 64 || len([]rune(lines[0])) > 128 || strings.Count(out.String(), "█") != 1 {
		t.Errorf("found %d lines of %d characters with %d active ones", len(lines), len([]rune(lines[0])), strings.Count(out.String(), "█"))
	}
}

func TestWritePNG(t *testing.T) {
	topology := moved(t, 3, 5, 6)
	path := filepath.Join(t.TempDir(), "w.png")
	if err := inspect.WritePNG(path, topology); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != image.Rect(0, 0, 5, 3) {
		t.Fatalf("found a picture of %v, expected 5 x 3", img.Bounds())
	}
	var active []int
	for slot := range topology.NNZ() {
		active = append(active, topology.Position(slot))
	}
	for p := range 15 {
		r, _, _, _ := img.At(p%5, p/5).RGBA()
		if dark := r < 1<<14; dark != slices.Contains(active, p) {
			t.Errorf("position %d: found it dark: %v", p, dark)
		}
	}
	if err := inspect.WritePNG(filepath.Join(path, "below-a-file.png"), topology); !usage.Is(err) {
		t.Errorf("found error %v, expected one about the path", err)
	}
}

func TestFind(t *testing.T) {
	dense := train.InspectedTensor{Name: "a.bias", Shape: []int{8}}
	first := train.InspectedTensor{Name: "a.weight", Shape: []int{12, 20}, Topology: moved(t, 3, 5, 6)}
	second := train.InspectedTensor{Name: "b.weight", Shape: []int{12, 20}, Topology: moved(t, 3, 5, 4)}
	in := &train.Inspection{Tensors: []train.InspectedTensor{dense, first, second}}
	for name, want := range map[string]string{"": "a.weight", "a.weight": "a.weight", "b.weight": "b.weight"} {
		if got, err := inspect.Find(in, name); err != nil || got == nil || got.Name != want {
			t.Errorf("%q: found %v and error %v, expected %s", name, got, err, want)
		}
	}
	for _, name := range []string{"a.bias", "c"} {
		if got, err := inspect.Find(in, name); got != nil || !usage.Is(err) || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Errorf("%q: found %v and error %v", name, got, err)
		}
	}
	in.Tensors = in.Tensors[:1]
	if got, err := inspect.Find(in, ""); got != nil || err != nil {
		t.Errorf("a dense model: found %v and error %v, expected neither", got, err)
	}
}

func TestWriteTable(t *testing.T) {
	in := &train.Inspection{Tensors: []train.InspectedTensor{
		{Name: "a.bias", Shape: []int{8}, Mean: 0.5, Std: 0.25},
		{Name: "a.weight", Shape: []int{12, 20}, Block: 4, Sparsity: 0.6, ExploredDOF: 0.5, MeanAge: 7, Topology: moved(t, 3, 5, 6)},
	}}
	in.Path, in.Step = "run/step-9", 9
	var out bytes.Buffer
	inspect.WriteTable(&out, in)
	lines := strings.Split(out.String(), "\n")
	for i, want := range map[int]string{0: "run/step-9: step 9", 2: "tensor", 3: "a.bias 8 5.00e-01 2.50e-01", 4: "a.weight 12x20 0.00e+00 0.00e+00 4 60.00% 50.0% 7"} {
		if got := strings.Join(strings.Fields(lines[i]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("line %d: found %q, expected %q", i, got, want)
		}
	}
}
