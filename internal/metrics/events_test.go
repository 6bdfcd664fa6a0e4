package metrics

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crc32c is the bit-by-bit definition: polynomial 0x1EDC6F41, reflected.
func crc32c(data []byte) uint32 {
	crc := ^uint32(0)
	for _, b := range data {
		crc ^= uint32(b)
		for range 8 {
			if crc&1 == 1 {
				crc = crc>>1 ^ 0x82f63b78
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

func unmask(m uint32) uint32 {
	rot := m - 0xa282ead8
	return rot>>17 | rot<<15
}

func TestMaskedCRCKnownAnswers(t *testing.T) {
	// CRC-32C of RFC 3720, appendix B.4, and of the usual check string.
	ascending := make([]byte, 32)
	for i := range ascending {
		ascending[i] = byte(i)
	}
	for _, c := range []struct {
		data []byte
		want uint32
	}{
		{make([]byte, 32), 0x8a9136aa},
		{bytes.Repeat([]byte{0xff}, 32), 0x62a8ab43},
		{ascending, 0x46dd794e},
		{[]byte("123456789"), 0xe3069283},
	} {
		if got := unmask(maskedCRC(c.data)); got != c.want || crc32c(c.data) != c.want {
			t.Errorf("crc of % x: got %08x, bit by bit %08x, want %08x", c.data, got, crc32c(c.data), c.want)
		}
	}
	// Every event file starts so: a first record of 24 bytes, its masked CRC.
	head := appendRecord(nil, make([]byte, 24))[:12]
	if want := []byte{24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22}; !bytes.Equal(head, want) {
		t.Errorf("head of a file: got % x, want % x", head, want)
	}
}

// frames splits a file into records and checks both checksums of each.
func frames(t *testing.T, data []byte) (all [][]byte) {
	t.Helper()
	for len(data) > 0 {
		if len(data) < 16 {
			t.Fatalf("%d bytes left, too few for a record", len(data))
		}
		n := binary.LittleEndian.Uint64(data)
		if unmask(binary.LittleEndian.Uint32(data[8:])) != crc32c(data[:8]) {
			t.Fatal("wrong checksum of a length")
		}
		if uint64(len(data)) < 16+n {
			t.Fatalf("a record of %d bytes, %d left", n, len(data)-16)
		}
		body := data[12 : 12+n]
		if unmask(binary.LittleEndian.Uint32(data[12+n:])) != crc32c(body) {
			t.Fatal("wrong checksum of a record")
		}
		all = append(all, body)
		data = data[16+n:]
	}
	return all
}

// message is a decoded protocol buffer: field number to its values, each a
// uint64 (varint or fixed) or a []byte.
type message map[uint64][]any

func parse(t *testing.T, b []byte) message {
	t.Helper()
	m := message{}
	varint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatal("bad varint")
		}
		b = b[n:]
		return v
	}
	for len(b) > 0 {
		key := varint()
		var v any
		switch key & 7 {
		case 0:
			v = varint()
		case 1:
			v, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			n := varint()
			v, b = b[:n:n], b[n:]
		case 5:
			v, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			t.Fatalf("wire type %d", key&7)
		}
		m[key>>3] = append(m[key>>3], v)
	}
	return m
}

func (m message) float64(field uint64) float64 {
	return math.Float64frombits(m[field][0].(uint64))
}

func (m message) bytes(field uint64) []byte { return m[field][0].([]byte) }

func events(t *testing.T, path string) (all []message) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames(t, data) {
		all = append(all, parse(t, f))
	}
	return all
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// noon is a clock that stands still.
func noon() time.Time { return time.Unix(1_700_000_000, 250_000_000) }

func TestEventsReadBack(t *testing.T) {
	dir := t.TempDir()
	w, err := NewEvents(dir, 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		w.Record(&Topology{Step: 300, Update: 4, PruneRatio: 0.25, Pruned: 17, ExploredDOF: 0.5, RemovedNewRatio: new(0.125), Turnover: 0.75, MeanAge: 40, EmptyRows: 1, EmptyCols: 6, Seconds: 2}),
		w.Record(&Tensor{Step: 301, Tensor: "x/\u00fc", MeanAge: math.Inf(1)}),
		w.Record(&Snapshot{Step: 302, Tensor: "w", Rows: 1, Cols: 1, Cells: []byte{7}}),
		w.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	list := files(t, dir)
	if len(list) != 1 || !strings.Contains(list[0], ".tfevents.1700000000.") {
		t.Fatalf("files: %v", list)
	}
	all := events(t, list[0])
	if len(all) != 3 {
		t.Fatalf("got %d events, want 3", len(all))
	}
	for i, e := range all {
		if e.float64(1) != 1_700_000_000.25 {
			t.Errorf("event %d: wall time %v", i, e.float64(1))
		}
		if step := e[2][0].(uint64); i > 0 && step != uint64(299+i) {
			t.Errorf("event %d: step %d", i, step)
		}
	}
	if got := string(all[0].bytes(3)); got != "brain.Event:2" {
		t.Errorf("file version %q", got)
	}

	scalars := map[string]float32{}
	for _, i := range []int{1, 2} {
		for _, v := range parse(t, all[i].bytes(5))[1] {
			value := parse(t, v.([]byte))
			scalars[string(value.bytes(1))] = math.Float32frombits(uint32(value[2][0].(uint64)))
		}
	}
	want := map[string]float32{
		"topology/update": 4, "topology/prune_ratio": 0.25, "topology/pruned": 17, "topology/explored_dof": 0.5,
		"topology/removed_new_ratio": 0.125, "topology/turnover": 0.75, "topology/mean_age": 40,
		"topology/empty_rows": 1, "topology/empty_cols": 6, "topology/seconds": 2,
		"tensor/x/\u00fc/pruned": 0, "tensor/x/\u00fc/explored_dof": 0, "tensor/x/\u00fc/turnover": 0,
		"tensor/x/\u00fc/mean_age": float32(math.Inf(1)), "tensor/x/\u00fc/empty_rows": 0, "tensor/x/\u00fc/empty_cols": 0,
	}
	if !reflect.DeepEqual(scalars, want) {
		t.Errorf("scalars: got %v, want %v", scalars, want)
	}
}

// A resumed run opens a new file, later in name though the clock stood still,
// whose first events tell from which step on the older file is void.
func TestResumeOpensANewFile(t *testing.T) {
	dir := t.TempDir()
	for _, first := range []int64{0, 41} {
		w, err := NewEvents(dir, first, noon)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Record(&Eval{Step: first + 1}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list := files(t, dir)
	if len(list) != 2 {
		t.Fatalf("files: %v", list)
	}
	if first := events(t, list[0]); len(first) != 2 || first[1][7] != nil {
		t.Errorf("the first file: %d events, session log %v", len(first), first[1][7])
	}
	second := events(t, list[1])
	if len(second) != 3 || second[1][2][0] != uint64(41) || parse(t, second[1].bytes(7))[1][0] != uint64(1) {
		t.Errorf("the second file: %d events, the second is %v", len(second), second[1])
	}
}

func TestEventsRefuse(t *testing.T) {
	if _, err := NewEvents(filepath.Join(t.TempDir(), "none"), 0, noon); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
	w, err := NewEvents(t.TempDir(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Record(&Eval{Step: 1}); err != nil {
		t.Fatal(err)
	}
	w.file = &fullDisk{File: w.file.(*os.File), full: true}
	if err := w.Record(&Eval{Step: 2}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: got %v", err)
	}
	w.file.(*fullDisk).full = false
	if err := w.Record(&Eval{Step: 3}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after a torn frame: got %v, want the first error", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: got %v, want the first error", err)
	}
}
