package sparse

// Scratch is memory that updates reuse from one call to the next. The zero
// Scratch is ready to use. One Scratch serves one call at a time.
type Scratch struct {
	norms  []uint64 // [nnzb] norm bits << 32 | position of each slot
	keys   []uint64 // keys of the candidates of one selection
	bucket []uint64 // the keys that share a prefix during one selection
	active []uint64 // bit per position
	pruned []uint64 // bit per slot
	prunes []uint64 // blocks to prune in each group of block rows
	grows  []uint64 // blocks to grow there
	room   []uint64 // blocks that each block row can hold after the update
	slots  []int32  // pruned slots, ascending
	grown  []int32  // grown positions, ascending
}

// smallest finds the k smallest of keys, 1 <= k <= len(keys): they are the keys
// below the threshold, and ties of the keys equal to it. It is a radix selection,
// one byte at a time from the top, in O(len(keys)); keys is not changed.
func (s *Scratch) smallest(keys []uint64, k int) (threshold uint64, ties int) {
	rest := keys
	for shift := 56; ; shift -= 8 {
		var count [256]int
		for _, key := range rest {
			count[byte(key>>shift)]++
		}
		digit := 0
		for k > count[digit] {
			k -= count[digit]
			digit++
		}
		if shift == 0 {
			return rest[0]&^0xff | uint64(digit), k
		}
		if count[digit] == len(rest) {
			continue
		}
		// The write position never passes the read position, so the bucket may
		// be filtered onto itself.
		if len(s.bucket) < count[digit] {
			s.bucket = make([]uint64, count[digit])
		}
		n := 0
		for _, key := range rest {
			if byte(key>>shift) == byte(digit) {
				s.bucket[n] = key
				n++
			}
		}
		rest = s.bucket[:n]
	}
}
