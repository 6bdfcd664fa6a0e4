package kernels

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed registers.txt
var registers string

// Registers returns how many registers a thread of the kernel of that name has on GPUs of compute
// capability 8 or 9, by which its occupancy is decided. They are what the pinned ptxas assigns.
func Registers(name string, major int) (int, error) {
	for line := range strings.Lines(registers) {
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != name {
			continue
		}
		word := words[1]
		if major >= 9 {
			word = words[2]
		}
		n, err := strconv.Atoi(word)
		if err != nil {
			return 0, fmt.Errorf("kernels: kernel %s does not run on compute capability %d", name, major)
		}
		return n, nil
	}
	return 0, fmt.Errorf("kernels: found no registers of kernel %q", name)
}
