package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

// A write behind some of those that have read races with the others, whichever way they have read.
func TestReadersOfAWord(t *testing.T) {
	const (
		init = ".shared .align 16 .b8 buf[1024]; mov.u32 %r30, %tid.x; mov.u32 %r29, buf; shr.u32 %r28, %r30, 5; and.b32 %r27, %r30, 31; mad.lo.u32 %r26, %r27, 16, %r29; " +
			"st.shared.v4.u32 [%r26], {%r27, %r27, %r27, %r27}; bar.sync 0; setp.eq.u32 %p1, %r28, 2; @%p1 bra W; "
		write = "W: bar.sync 1, WAIT; st.shared.u32 [%r26], 7; E: "
	)
	for way, read := range map[string]string{
		"words":    "mad.lo.u32 %r25, %r27, 4, %r29; ld.shared.u32 %r1, [%r25]; ",
		"the same": "ld.shared.u32 %r1, [buf]; ",
		"pairs":    "ld.shared.v2.u32 {%r1, %r2}, [%r26]; ",
		"halves":   "ld.shared.u16 %h1, [%r26]; ",
		"odd":      "xor.b32 %r25, %r27, 5; mad.lo.u32 %r25, %r25, 16, %r29; ld.shared.u32 %r1, [%r25]; ",
		"matrices": "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r26]; ",
		"columns":  "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r1, %r2, %r3, %r4}, [%r26]; ",
	} {
		for _, c := range []struct {
			tell string // what the warps that read tell the one that writes
			wait string
			fail error
		}{
			{"bar.arrive 1, 96; bra.uni E; ", "96", nil},
			{"setp.eq.u32 %p2, %r28, 0; @%p2 bar.arrive 1, 64; bra.uni E; ", "64", ErrRace},
			{"setp.eq.u32 %p2, %r28, 1; @%p2 bar.arrive 1, 64; bra.uni E; ", "64", ErrRace},
		} {
			d := NewDevice(Options{})
			k := parseBody(t, init+read+c.tell+strings.ReplaceAll(write, "WAIT", c.wait))
			_, err := d.Launch(t.Context(), k, Dim3{X: 1}, Dim3{X: 96}, 0, Addr(reserve(t, d, "out", 4)))
			if !errors.Is(err, c.fail) || err != nil && !strings.Contains(err.Error(), "read since the last barrier") {
				t.Errorf("%s, %s: found %v, expected %v", way, c.tell, err, c.fail)
			}
		}
	}
}
