package sparse_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The growths of the first versions keep their bits: the hashes are of topologies that
// were made before growths became combinations of tables.
func TestBitsOfGrowths(t *testing.T) {
	for growth, want := range map[sparse.Growth]string{
		sparse.GrowRandom:   "e85b98e66a50943009c8746525adebe19138a917a1d55b06aa5fce920024e7c8",
		sparse.GrowGradient: "861c9ba72d8a06f0f46eeb2a816ed3037723e9bdd4e5f4f4a229f2eefccb92da",
		sparse.GrowFanIn:    "cbbb53d8b8053341ece92985dfe75d5688f4193e9b524d48b1bac8e9e2a67a1b",
	} {
		hash := sha256.New()
		for _, regrow := range []bool{false, true} {
			for _, norm := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
				start := sparse.StartTopology
				if growth == sparse.GrowFanIn {
					start = sparse.FanInTopology
				}
				topology, err := start(sparse.Shape{Out: 52, In: 92, Block: 4}, 71, 9, 3)
				if err != nil {
					t.Fatal(err)
				}
				s := philox.NewStream(4, philox.TestData, uint32(norm), 0)
				values, scores := make([]float32, 71*16), make([]float32, topology.Positions())
				for number := 1; number <= 6; number++ {
					for i := range values {
						values[i] = float32(s.IntN(64)-32) / 16
					}
					for i := range scores {
						scores[i] = float32(s.IntN(32))
					}
					u := sparse.Update{Seed: 9, Number: number, Step: int64(10 * number), PruneRatio: 0.37, Norm: norm, Growth: growth, RegrowPruned: regrow}
					if _, err := topology.Update(values, scores, u, 3); err != nil {
						t.Fatal(err)
					}
					for _, x := range [][]int32{topology.Rows, topology.Cols, topology.Born, topology.NewAt} {
						if err := binary.Write(hash, binary.LittleEndian, x); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
		if got := hex.EncodeToString(hash.Sum(nil)); got != want {
			t.Errorf("%s: found topologies of the hash %s, expected %s", growth, got, want)
		}
	}
}
