package simdriver

import (
	"testing"
	"unsafe"

	"github.com/sparsebert/sparsebert-gpu/gpu"
)

// What the process writes at an address is what the device has, and the other way round; bytes that
// nothing wrote cannot be shared for reading.
func TestAddress(t *testing.T) {
	d := New(Options{})
	defer d.Close()
	p := must[gpu.Ptr](t)(d.Alloc(8, "shared"))
	if _, err := d.Address(p, 8, false); err == nil {
		t.Error("bytes that nothing wrote: found no error")
	}
	at := must[uintptr](t)(d.Address(p, 4, true))
	b := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), 4)
	copy(b, "abcd")
	got := make([]byte, 4)
	check(t, d.CopyOut(0, got, p))
	if string(got) != "abcd" {
		t.Errorf("found %q, expected what was written at the address", got)
	}
	check(t, d.CopyIn(0, p, []byte("wxyz")))
	if string(b) != "wxyz" {
		t.Errorf("found %q at the address, expected what was copied to the device", b)
	}
	if err := d.CopyOut(0, make([]byte, 8), p); err == nil {
		t.Error("the half that was not shared counts as written")
	}
	if New(Options{}).UUID() == d.UUID() {
		t.Error("two devices have one UUID")
	}
}
