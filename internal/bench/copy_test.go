package bench

import "testing"

func TestCopyBytes(t *testing.T) {
	const mib = 1 << 20
	for cache, want := range map[int64]int64{1: 4, 32 * mib: 128 * mib, 128 * mib: 512 * mib, 200 * mib: 512 * mib, 300 * mib: 600 * mib} {
		if got := copyBytes(cache); got != want {
			t.Errorf("cache of %d bytes: found %d, expected %d", cache, got, want)
		}
	}
}
