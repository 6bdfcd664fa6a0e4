package ptxsim

import (
	"encoding/binary"
)

// What the vector instructions of the machine do in Go.

// stridedGo returns the lanes l of which the number is first + l stride.
func stridedGo(base *[warpSize]uint64, first, stride uint64) (m uint32) {
	for l, v := range base {
		if v == first {
			m |= 1 << l
		}
		first += stride
	}
	return m
}

// uniformBytesGo says that b & care is want for all of them.
func uniformBytesGo(b []byte, care, want byte) bool {
	const each = 0x0101010101010101
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&(each*uint64(care)) != each*uint64(want) {
			return false
		}
	}
	for _, v := range b {
		if v&care != want {
			return false
		}
	}
	return true
}

// belowGo says that all entries are smaller than limit.
func belowGo(entries []uint32, limit uint32) bool {
	for _, e := range entries {
		if e >= limit {
			return false
		}
	}
	return true
}

// numberGo sets so many entries each to first, first + 1, ...
func numberGo(entries []uint32, first uint32, each int) {
	if each == 1 {
		for i := range entries {
			entries[i] = first + uint32(i)
		}
		return
	}
	for i := 0; i < len(entries); i += each {
		for j := range entries[i : i+each] {
			entries[i+j] = first
		}
		first++
	}
}

func fillBytes(b []byte, v byte) {
	const each = 0x0101010101010101
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, each*uint64(v))
	}
	for i := range b {
		b[i] = v
	}
}
