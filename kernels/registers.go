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
	return figure(registers, name, major, 0)
}

// LocalBytes returns the bytes of local memory that the pinned ptxas gives a thread of the kernel
// of that name on GPUs of compute capability 8 or 9: arrays and what it spills, which live in
// memory. Almost all kernels have none.
func LocalBytes(name string, major int) (int, error) {
	return figure(registers, name, major, 1)
}

// figure reads number which of a kernel, of its registers and its local memory, from the table: a
// row has two of each, of compute capability 8 and 9, and the second pair is left out where it is
// zero.
func figure(table, name string, major, which int) (int, error) {
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 3 {
			words = append(words, "0", "0")
		}
		if len(words) != 5 || words[0] != name {
			continue
		}
		column := 1
		if major >= 9 {
			column = 2
		}
		n, err := strconv.Atoi(words[column])
		if err == nil && which == 1 {
			n, err = strconv.Atoi(words[column+2])
		}
		if err != nil {
			return 0, fmt.Errorf("kernels: kernel %s does not run on compute capability %d", name, major)
		}
		return n, nil
	}
	return 0, fmt.Errorf("kernels: found no registers of kernel %q", name)
}
