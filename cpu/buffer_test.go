package cpu

import (
	"testing"
	"unsafe"
)

// Larger slices begin on a large page but for their skew, which differs from one to the next, and
// all slices are zeros of the length that was asked for, with no room behind that append could take.
func TestMakeSlice(t *testing.T) {
	starts := map[uintptr]bool{}
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
		at := uintptr(unsafe.Pointer(&s[0])) % hugePage
		if want := uintptr((i + 13) % skews * skewStep); at != want || starts[at] {
			t.Errorf("%d elements: found %d bytes into a large page, expected %d, and each once", n, at, want)
		}
		starts[at] = true
	}
	if _, err := makeSlice[float32](1<<62, 0); err == nil {
		t.Error("2^62 elements: found no error")
	}
	if s, err := makeSlice[int32](hugePage/2, 1); err != nil || uintptr(unsafe.Pointer(&s[0]))%hugePage != skewStep {
		t.Errorf("int32: found %v, or an element at another place than after its skew", err)
	}
}
