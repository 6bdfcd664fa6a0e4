package history_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train/internal/history"
)

// example is a tensor of 2 x 3 blocks whose slots are in no order.
func example(t *testing.T) *sparse.Topology {
	t.Helper()
	topology, err := sparse.NewTopology(sparse.Shape{Out: 8, In: 12, Block: 4}, []int32{1, 0, 1}, []int32{2, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	topology.Born[0], topology.NewAt[0] = 30, 2
	return topology
}

// The bytes are those of NumPy's format: a head of a multiple of 64 bytes, then the data.
func TestArrays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "topology")
	if err := history.Write(dir, history.Point{Step: 40, Update: 3}, []history.Tensor{{"w", example(t)}}); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(dir, "step-0000000040.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	little := func(v any) []byte {
		var b bytes.Buffer
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want := map[string]struct {
		dtype, shape string
		data         []byte
	}{
		"step.npy": {"<i8", "(1,)", little([]int64{40})}, "update.npy": {"<i8", "(1,)", little([]int64{3})},
		"w.shape.npy": {"<i8", "(3,)", little([]int64{8, 12, 4})},
		"w.rows.npy":  {"<u2", "(3,)", little([]uint16{0, 1, 1})}, "w.cols.npy": {"<u2", "(3,)", little([]uint16{1, 0, 2})},
		"w.ages.npy": {"<i4", "(3,)", little([]int32{40, 40, 10})},
	}
	for _, f := range archive.File {
		w, ok := want[f.Name]
		if !ok {
			t.Errorf("found %s", f.Name)
			continue
		}
		delete(want, f.Name)
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || !bytes.HasPrefix(text, []byte("\x93NUMPY\x01\x00")) {
			t.Fatalf("%s: found %q (%v)", f.Name, text, err)
		}
		end := 10 + int(binary.LittleEndian.Uint16(text[8:]))
		head := string(text[10:end])
		if end%64 != 0 || !strings.HasSuffix(head, "\n") || strings.TrimSpace(head) != "{'descr': '"+w.dtype+"', 'fortran_order': False, 'shape': "+w.shape+", }" {
			t.Errorf("%s: found the head %q of %d bytes", f.Name, head, end)
		}
		if !bytes.Equal(text[end:], w.data) {
			t.Errorf("%s: found %v, expected %v", f.Name, text[end:], w.data)
		}
	}
	if len(want) > 0 {
		t.Errorf("found none of %v", want)
	}
}

// No file is larger than Bytes says, also one of blocks at random; a tensor of more rows
// than two bytes count has four.
func TestBytes(t *testing.T) {
	dir := t.TempDir()
	var tensors []history.Tensor
	var shapes []sparse.Shape
	var nnz []int
	for i, s := range []sparse.Shape{{Out: 1 << 17, In: 1, Block: 1}, {Out: 300, In: 300, Block: 1}, {Out: 64, In: 64, Block: 64}} {
		n := max(1, s.Positions()/3)
		topology, err := sparse.StartTopology(s, n, 7, i)
		if err != nil {
			t.Fatal(err)
		}
		for slot := range topology.Born { // ages that do not deflate
			topology.Born[slot] = int32(uint32(slot*2654435761) >> 1)
		}
		tensors = append(tensors, history.Tensor{Name: "w" + strings.Repeat("x", i), Topology: topology})
		shapes, nnz = append(shapes, s), append(nnz, n)
	}
	if err := history.Write(dir, history.Point{Step: 1<<31 - 1}, tensors); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "step-2147483647.npz"))
	if err != nil {
		t.Fatal(err)
	}
	if most := history.Bytes(shapes, nnz); info.Size() > most || info.Size() < most/4 {
		t.Errorf("found %d bytes, expected up to %d", info.Size(), most)
	}
}

// Cut takes the files of later steps, and nothing else.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"step-0000000000.npz", "step-0000000040.npz", "step-0000000041.npz", "step-41.npz", "step-0000000099.npz.txt", "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := history.Cut(dir, 40); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if want := []string{"notes", "step-0000000000.npz", "step-0000000040.npz", "step-0000000099.npz.txt", "step-41.npz"}; !slices.Equal(names, want) {
		t.Errorf("found %v left, expected %v", names, want)
	}
	if err := history.Cut(filepath.Join(dir, "none"), 0); err != nil {
		t.Errorf("no folder: found %v, expected nothing to do", err)
	}
}
