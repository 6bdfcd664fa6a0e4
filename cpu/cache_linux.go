package cpu

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// lastLevelCache returns the size of the L3 cache in bytes, 0 where the system does not say.
var lastLevelCache = sync.OnceValue(func() int {
	text, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cache/index3/size")
	if err != nil {
		return 0
	}
	return cacheSize(string(text))
})

// cacheSize reads a size such as 32768K; 0 if it is none.
func cacheSize(text string) int {
	number, kibibytes := strings.CutSuffix(strings.TrimSpace(text), "K")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return 0
	}
	if kibibytes {
		n <<= 10
	}
	return n
}
