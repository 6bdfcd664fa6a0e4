package ptxsim

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// randomFlow is code with branches anywhere, whose last instruction ends the thread.
func randomFlow(random *rand.Rand, n, regs int) []flow {
	code := make([]flow, n)
	some := func(most int) (list []int) {
		for range random.IntN(most + 1) {
			list = append(list, random.IntN(regs))
		}
		return list
	}
	for i := range code {
		f := &code[i]
		f.uses, f.defs, f.falls = some(3), some(2), true
		switch random.IntN(6) {
		case 0:
			f.keeps = true
		case 1:
			to := random.IntN(n)
			*f = flow{targets: []*int{&to}, falls: random.IntN(3) > 0}
		}
	}
	code[n-1].falls = false
	return code
}

// wanted says, by following all ways from it, whether an instruction or one behind it reads what r holds before it.
func wanted(code []flow, at, r int, seen map[int]bool) bool {
	if at >= len(code) || seen[at] {
		return false
	}
	seen[at] = true
	f := &code[at]
	switch {
	case slices.Contains(f.uses, r):
		return true
	case slices.Contains(f.defs, r) && !f.keeps:
		return false
	}
	return f.targets != nil && wanted(code, *f.targets[0], r, seen) || f.falls && wanted(code, at+1, r, seen)
}

// No register takes the place of another one that is wanted, in any code: before an instruction, and when it writes, of its
// operands and of what is wanted behind it. What may be read before it is written is fresh, and fixed registers are alone.
func TestAllocateKeepsWhatIsWanted(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	shared := 0
	for range 400 {
		n, regs := 1+random.IntN(30), 1+random.IntN(20)
		code := randomFlow(random, n, regs)
		fixed := make([]bool, regs)
		for range random.IntN(3) {
			fixed[random.IntN(regs)] = true
		}
		places, count, fresh := allocate(code, regs, fixed)
		apart := func(at, r, s int) {
			if r != s && places[r] == places[s] {
				t.Fatalf("instruction %d of %+v: registers %d and %d have place %d, expected two", at, code, r, s, places[r])
			}
		}
		for at := range code {
			live, behind := []int{}, []int{}
			for r := range regs {
				if wanted(code, at, r, map[int]bool{}) {
					live = append(live, r)
				}
				f := &code[at]
				if f.targets != nil && wanted(code, *f.targets[0], r, map[int]bool{}) || f.falls && wanted(code, at+1, r, map[int]bool{}) {
					behind = append(behind, r)
				}
			}
			for i, r := range live {
				for _, s := range live[:i] {
					apart(at, r, s)
				}
			}
			for i, d := range code[at].defs {
				for _, list := range [][]int{code[at].uses, code[at].defs[:i], behind} {
					for _, s := range list {
						apart(at, d, s)
					}
				}
			}
		}
		used := func(x int) bool {
			return slices.ContainsFunc(code, func(f flow) bool { return slices.Contains(f.uses, x) || slices.Contains(f.defs, x) })
		}
		for r := range regs {
			if !fixed[r] && used(r) && wanted(code, 0, r, map[int]bool{}) != slices.Contains(fresh, places[r]) {
				t.Fatalf("%+v: register %d: read before it is written: %v, expected it fresh then and only then", code, r, wanted(code, 0, r, map[int]bool{}))
			}
			if places[r] < 0 || places[r] >= count {
				t.Fatalf("register %d: found place %d, expected 0 to %d", r, places[r], count-1)
			}
			for s := range r {
				if places[r] != places[s] {
					continue
				}
				if shared++; (fixed[r] || fixed[s]) && used(r) && used(s) {
					t.Fatalf("registers %d and %d share a place, expected the fixed one alone", r, s)
				}
			}
		}
	}
	if shared < 1000 {
		t.Errorf("found %d pairs of registers that share a place, expected thousands", shared)
	}
}

// A register that a thread may read before it is written is 0 in every block, whatever blocks and launches before have
// left in its place, though what it is stored to is undefined.
func TestUnwrittenRegistersAreZero(t *testing.T) {
	d := NewDevice(Options{Threads: 1})
	out := reserve(t, d, "out", 4*64)
	bytes := make([]byte, 4*64)
	busy := parseBody(t, "mov.u32 %r1, %tid.x; add.u32 %r2, %r1, 77; mad.lo.u32 %r3, %r2, %r2, %r1; mul.wide.u32 %d1, %r1, 4; add.u64 %d2, %d1, %d0; st.global.u32 [%d2], %r3;")
	for _, write := range []string{"@%p1 bra L; add.u32 %r5, %r7, 1000; L:", "@!%p1 add.u32 %r5, %r7, 1000;"} { // but in odd threads
		skip := parseBody(t, `mov.u32 %r1, %tid.x; mov.u32 %r6, %ctaid.x; mad.lo.u32 %r7, %r6, 32, %r1; and.b32 %r2, %r1, 1; setp.eq.u32 %p1, %r2, 1;`+
			write+`mad.wide.u32 %d1, %r7, 4, %d0; st.global.u32 [%d1], %r5;`)
		for range 2 {
			mustLaunch(t, d, busy, Dim3{X: 2}, Dim3{X: 32}, 0, Addr(out))
			to := reserve(t, d, "to", len(bytes))
			mustLaunch(t, d, skip, Dim3{X: 2}, Dim3{X: 32}, 0, Addr(to))
			if err := d.CopyOut(bytes, to); !errors.Is(err, ErrUninitialized) || !strings.Contains(err.Error(), "to+4, perhaps one of the undefined values that kernel main stores in test.ptx:8") {
				t.Errorf("%s: found %v, expected %v at to+4", write, err, ErrUninitialized)
			}
			a, _ := d.find(uint64(to))
			for i := range 64 {
				v := binary.LittleEndian.Uint32(a.data[4*i:])
				want := uint32(0)
				if i%2 == 0 {
					want = uint32(i) + 1000
				}
				if v != want {
					t.Errorf("%s: thread %d: found %d, expected %d", write, i, v, want)
				}
			}
		}
	}
}

// A kernel with hundreds of registers in turn needs few places.
func TestRegistersShareAPlace(t *testing.T) {
	body := "mov.u32 %r1, %tid.x;"
	for range 40 {
		body += "add.u32 %r2, %r1, 1; add.u32 %r3, %r2, 1; add.u32 %r4, %r3, 1; add.u32 %r1, %r4, 1;"
	}
	k := parseBody(t, body+"mul.wide.u32 %d1, %r1, 0; add.u64 %d2, %d1, %d0; st.global.u32 [%d2], %r1;")
	if n := k.prog.regs; n > 12 {
		t.Errorf("found %d places, expected a handful", n)
	}
}
