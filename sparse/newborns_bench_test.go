package sparse

import (
	"fmt"
	"testing"
)

// BenchmarkNewborns is the part of an update that only counts how newborns fare, of the
// feed-forward weight of BERT-Base, beside the whole update.
func BenchmarkNewborns(b *testing.B) {
	for _, block := range []int{1, 16} {
		shape := Shape{Out: 3072, In: 768, Block: block}
		t, err := StartTopology(shape, shape.Positions()/10, 1, 0)
		if err != nil {
			b.Fatal(err)
		}
		values := make([]float32, t.NNZ()*t.BlockSize())
		for i := range values {
			values[i] = float32(i%1000) / 1000
		}
		s := new(Scratch)
		number := 0
		update := func() {
			number++
			u := Update{Seed: 1, Number: number, Step: int64(number), PruneRatio: 0.25}
			if _, err := t.UpdateIn(s, Arrays{Values: values}, u, 0); err != nil {
				b.Fatal(err)
			}
		}
		for range 10 {
			update()
		}
		b.Run(fmt.Sprintf("B=%d/update", block), func(b *testing.B) {
			for b.Loop() {
				update()
			}
		})
		b.Run(fmt.Sprintf("B=%d/newborns", block), func(b *testing.B) {
			u := Update{Number: number}
			for b.Loop() {
				var stats Stats
				s.describeNewborns(t, u, &stats)
				stats.Survivors = t.survivors(number)
			}
		})
	}
}
