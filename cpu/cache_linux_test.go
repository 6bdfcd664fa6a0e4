package cpu

import "testing"

func TestCacheSize(t *testing.T) {
	for text, want := range map[string]int{"32768K\n": 32 << 20, "512": 512, "0K": 0, "": 0, "-4K": 0, "32M": 0, "K": 0} {
		if got := cacheSize(text); got != want {
			t.Errorf("%q: found %d, expected %d", text, got, want)
		}
	}
}
