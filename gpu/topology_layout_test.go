package gpu

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// source is the kernels' side of what this file compares.
func source(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../kernels/include/topology.cuh")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`//.*`).ReplaceAllString(string(text), "")
}

// block returns what stands in braces after the head.
func block(t *testing.T, text, head string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, head+" {")
	body, _, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		t.Fatalf("found no %s", head)
	}
	return body
}

// plain is a name without what differs between C and Go.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// TestTopologyLayout: the structs have the same fields in the same places in Go as
// in CUDA, where each field is aligned to its size too.
func TestTopologyLayout(t *testing.T) {
	text := source(t)
	sizes := map[string]uintptr{"int": 4, "unsigned": 4, "unsigned long long": 8, "long long": 8, "double": 8}
	for name, typ := range map[string]reflect.Type{
		"TopologyTensor": reflect.TypeFor[topologyTensor](),
		"TopologyUpdate": reflect.TypeFor[topologyUpdate](),
		"TopologyReport": reflect.TypeFor[topologyReport](),
	} {
		offset, i := uintptr(0), 0
		for declaration := range strings.SplitSeq(block(t, text, "struct "+name), ";") {
			fields := strings.Split(declaration, ",")
			words := strings.Fields(fields[0])
			if len(words) == 0 {
				continue
			}
			kind := strings.Join(words[:len(words)-1], " ")
			fields[0] = words[len(words)-1]
			for _, f := range fields {
				f = strings.TrimSpace(f)
				size := sizes[kind]
				if strings.HasPrefix(f, "*") {
					f, size = f[1:], 8
				}
				if size == 0 || i >= typ.NumField() {
					t.Fatalf("%s: found field %d %q of type %q, expected one that is known", name, i, f, kind)
				}
				offset = (offset + size - 1) / size * size
				g := typ.Field(i)
				if plain(g.Name) != plain(f) && f != "reserved" || g.Offset != offset || g.Type.Size() != size {
					t.Errorf("%s: found field %s at %d with %d bytes in Go, expected %s at %d with %d", name, g.Name, g.Offset, g.Type.Size(), f, offset, size)
				}
				offset += size
				i++
			}
		}
		if i != typ.NumField() || typ.Size() != (offset+7)/8*8 {
			t.Errorf("%s: found %d fields and %d bytes in Go, expected %d and %d", name, typ.NumField(), typ.Size(), i, (offset+7)/8*8)
		}
	}
}

// TestFaults: the faults have the same numbers in Go as in CUDA, and each has words.
func TestFaults(t *testing.T) {
	goNames := map[string]int32{
		"NO_FAULT": noFault, "BAD_ROW": badRow, "BAD_COL": badCol, "BAD_COUNT": badCount, "BAD_BORN": badBorn, "BAD_NEW_AT": badNewAt,
		"BAD_START": badStart, "NOT_EXPLORED": notExplored, "EXPLORED_BEYOND": exploredBeyond, "BAD_ROW_PTR": badRowPtr,
		"BAD_ROW_SLOT": badRowSlot, "BAD_COL_PTR": badColPtr, "BAD_COL_SLOT": badColSlot, "SCORE_NOT_FINITE": scoreNotFinite,
		"NORM_NOT_FINITE": normNotFinite, "AFTER_COMMIT": afterCommit,
	}
	n := int32(0)
	for name := range strings.SplitSeq(block(t, source(t), "enum Fault"), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if got, ok := goNames[name]; !ok || got != n {
			t.Errorf("%s: found %d in Go, expected %d", name, got, n)
		}
		n++
	}
	if int(n) != len(goNames) {
		t.Errorf("found %d faults in Go, expected %d", len(goNames), n)
	}
	seen := map[string]bool{}
	for f := range n + 1 {
		err := (&topologyReport{fault: f, number: 2}).err(3)
		if (err == nil) != (f == noFault) {
			t.Errorf("fault %d: found error %v", f, err)
		}
		if err == nil {
			continue
		}
		text := err.Error()
		if seen[text] || !strings.Contains(text, "topology update 2: ") || !strings.Contains(text, "found") || !strings.Contains(text, "expected") {
			t.Errorf("fault %d: found error %q, expected words of its own that say what was found and expected", f, text)
		}
		seen[text] = true
	}
}
