package model

// Traffic returns the bytes that the process of rank sends to others in a step of w
// processes that train a model of configuration c; update: one with a topology update. For
// n stored weights, of which s are of the rank's slices and k the chunks in them, it is
//
//	4 (n - s) + 4 s (w-1)   sums of gradients and what is made of them
//	8 k (w-1)               the norm
//	64 (w-1)                counts and losses
//
// where n counts the active blocks of sparse weights alone. An update by gradients adds
// 4 (p - q) + 4 q (w-1) for the p positions of blocks, of which q are the rank's. What a
// run says beside its steps, such as that it is to stop, is not in it.
func Traffic(c Config, w, rank int, update bool) (int64, error) {
	table, err := Table(c)
	if err != nil || w == 1 {
		return 0, err
	}
	others := int64(w - 1)
	bytes := 64 * others
	slice := func(n, own int) { bytes += 4*int64(n-own) + 4*int64(own)*others }
	for _, b := range newBuckets(table, w) {
		slice(b.len(), b.bounds[rank+1]-b.bounds[rank])
		bytes += 8 * int64(b.chunkRank[rank+1]-b.chunkRank[rank]) * others
	}
	if update && collectsGrowth(c) {
		positions := 0
		for _, t := range table {
			if t.Sparse {
				positions += t.Shape().Positions()
			}
		}
		slice(positions, positions*(rank+1)/w-positions*rank/w)
	}
	return bytes, nil
}
