package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks for huge pages under a slice that has just been made. Rows of activations are
// some kilobytes long, and a tile touches dozens of them: with pages of 4 KiB each access would
// miss the L1 TLB. The system may have none, and nothing but time depends on it.
func hugePages[E any](s []E) {
	if len(s) == 0 {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (hugePage - 1)
	if whole := (len(b) - skip) &^ (hugePage - 1); whole > 0 {
		_ = unix.Madvise(b[skip:skip+whole], unix.MADV_HUGEPAGE)
	}
}
