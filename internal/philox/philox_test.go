package philox

import "testing"

// The known answers of Random123 (kat_vectors, philox4x32 10).
func TestBlockKnownAnswers(t *testing.T) {
	cases := []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, [2]uint32{0xffffffff, 0xffffffff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	}
	for _, c := range cases {
		if got := Block(c.ctr, c.key); got != c.want {
			t.Errorf("Block(%x, %x) = %x, want %x", c.ctr, c.key, got, c.want)
		}
	}
}

func TestStreamIsTheCounterInOrder(t *testing.T) {
	s := NewStream(7, TestData, 3, 5)
	for a := range uint32(5) {
		for i, want := range At(7, TestData, a, 3, 5) {
			if got := s.Uint32(); got != want {
				t.Fatalf("word %d of block %d: got %x, want %x", i, a, got, want)
			}
		}
	}
}

func TestUnitRanges(t *testing.T) {
	if Unit32(0) != 0 || !(Unit32(0xffffffff) < 1) {
		t.Errorf("Unit32 must map to [0,1): %v, %v", Unit32(0), Unit32(0xffffffff))
	}
	if Unit64(0, 0) != 0 || !(Unit64(0xffffffff, 0xffffffff) < 1) {
		t.Errorf("Unit64 must map to [0,1)")
	}
}

func TestIntNIsUniform(t *testing.T) {
	const n, draws = 7, 70000
	s := NewStream(1, TestData, 0, 0)
	var count [n]int
	for range draws {
		count[s.IntN(n)]++
	}
	// Chi-squared with 6 degrees of freedom exceeds 22.5 once in a thousand.
	chi := 0.0
	for _, c := range count {
		d := float64(c) - draws/n
		chi += d * d / (draws / n)
	}
	if !(chi < 22.5) {
		t.Errorf("IntN(7) over %d draws: chi-squared %.1f, counts %v", draws, chi, count)
	}
	if s.IntN(0) != 0 || s.IntN(-3) != 0 {
		t.Errorf("IntN of nothing must be 0")
	}
}

func TestPermuteIsABijection(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 4, 5, 17, 64, 1000, 4097} {
		seen := make([]bool, n)
		moved := 0
		for i := range n {
			j := Permute(42, 3, i, n)
			if j >= n || seen[j] {
				t.Fatalf("n %d: Permute(%d) = %d is out of range or repeated", n, i, j)
			}
			seen[j] = true
			if j != i {
				moved++
			}
		}
		if n >= 17 && moved < int(n)/2 {
			t.Errorf("n %d: only %d elements moved", n, moved)
		}
	}
}

func BenchmarkBlock(b *testing.B) {
	ctr := [4]uint32{}
	for b.Loop() {
		ctr = Block(ctr, [2]uint32{1, 2})
	}
}
