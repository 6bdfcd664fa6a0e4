package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

// Dynamic shared memory is aligned as declared where static variables come before it, and well where none do.
func TestDynamicSharedIsNoMoreAligned(t *testing.T) {
	for body, fail := range map[string]error{
		"st.shared.v4.u32 [dyn], {1, 2, 3, 4};":                         nil,
		"st.shared.u32 [one], 1; st.shared.v4.u32 [dyn], {1, 2, 3, 4};": ErrMisaligned,
		"st.shared.u32 [one], 1; st.shared.v2.u32 [dyn], {1, 2};":       nil,
	} {
		text := strings.Replace(kernelText(body), ".visible", ".extern .shared .align 8 .b8 dyn[]; .shared .align 4 .u32 one;\n.visible", 1)
		m, err := Parse("place.ptx", text)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDevice(Options{})
		if _, err := d.Launch(t.Context(), m.Kernel("main"), Dim3{X: 1}, Dim3{X: 1}, 64, Addr(reserve(t, d, "out", 4))); !errors.Is(err, fail) {
			t.Errorf("%s: found %v, expected %v", body, err, fail)
		}
	}
}
