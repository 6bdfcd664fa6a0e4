package cpu

import (
	"testing"
	"unsafe"
)

// Slices are zeros of the length that was asked for, with no room behind that append could take.
// Large ones begin on a cache line, and not all at the same offset in a huge page: such arrays
// would meet in few sets of a cache.
func TestMakeSlice(t *testing.T) {
	offsets := map[uintptr]bool{}
	large := 0
	for i, n := range []int{0, 1, hugePage/4 - 1, hugePage / 4, hugePage/4 + 1, 5*hugePage/4 - 3, hugePage, 7 * hugePage / 4} {
		s, err := makeSlice[float32](n, i+13)
		if err != nil || len(s) != n || cap(s) != n {
			t.Fatalf("%d elements: found length %d, capacity %d, %v", n, len(s), cap(s), err)
		}
		for j := range s {
			if s[j] != 0 {
				t.Fatalf("%d elements: element %d: found %v, expected 0", n, j, s[j])
			}
			s[j] = 1
		}
		if n < hugePage/4 {
			continue
		}
		large++
		at := uintptr(unsafe.Pointer(&s[0])) % hugePage
		if at%64 != 0 {
			t.Errorf("%d elements: found %d bytes into a huge page, expected a multiple of a cache line", n, at)
		}
		offsets[at] = true
	}
	if len(offsets) != large {
		t.Errorf("found %d offsets of %d large slices, expected all to differ", len(offsets), large)
	}
	if _, err := makeSlice[float32](1<<62, 0); err == nil {
		t.Error("2^62 elements: found no error")
	}
	if s, err := makeSlice[int32](hugePage/2, 1); err != nil || len(s) != hugePage/2 {
		t.Errorf("int32: found length %d, error %v, expected %d elements", len(s), err, hugePage/2)
	}
}
