package train_test

import (
	"archive/zip"
	"encoding/binary"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// savedTopology is a file of saved topologies: its arrays by name.
type savedTopology map[string][]int

// readTopologies reads the files of a run in the order of their names.
func readTopologies(t *testing.T, dir string) []savedTopology {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "topology", "step-*.npz"))
	if err != nil {
		t.Fatal(err)
	}
	var all []savedTopology
	for _, path := range paths {
		archive, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		file := savedTopology{}
		for _, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			file[strings.TrimSuffix(f.Name, ".npy")] = numbersOf(t, text)
		}
		all = append(all, file)
	}
	return all
}

// numbersOf reads an array in NumPy's format.
func numbersOf(t *testing.T, text []byte) (numbers []int) {
	t.Helper()
	end := 10 + int(binary.LittleEndian.Uint16(text[8:]))
	head, data := string(text[:end]), text[end:]
	for len(data) > 0 {
		switch {
		case strings.Contains(head, "'<u2'"):
			numbers, data = append(numbers, int(binary.LittleEndian.Uint16(data))), data[2:]
		case strings.Contains(head, "'<i4'"):
			numbers, data = append(numbers, int(int32(binary.LittleEndian.Uint32(data)))), data[4:]
		case strings.Contains(head, "'<i8'"):
			numbers, data = append(numbers, int(int64(binary.LittleEndian.Uint64(data)))), data[8:]
		default:
			t.Fatalf("found the head %q", head)
		}
	}
	return numbers
}

// births returns when each active block of a tensor was born, by its place: the step, 0
// for the start.
func (f savedTopology) births(tensor string) map[[2]int]int {
	born := map[[2]int]int{}
	for i, age := range f[tensor+".ages"] {
		born[[2]int{f[tensor+".rows"][i], f[tensor+".cols"][i]}] = f["step"][0] - age
	}
	return born
}

// tensors lists those of the file.
func (f savedTopology) tensors() (names []string) {
	for name := range f {
		if name, ok := strings.CutSuffix(name, ".rows"); ok {
			names = append(names, name)
		}
	}
	return names
}
