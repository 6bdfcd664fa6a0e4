package kernels

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed registers.txt
var registers string

// targets is the number of GPUs that the table has figures of.
const targets = 3

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
// row has three of each, of compute capability 8.0, 8.6 and 9.0, and those of local memory are left out
// where all are zero. On 8.x those of 8.0 are meant; 8.6 has a column to show that nothing spills there.
func figure(table, name string, major, which int) (int, error) {
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 1+targets {
			words = append(words, "0", "0", "0")
		}
		if len(words) != 1+2*targets || words[0] != name {
			continue
		}
		column := 1
		if major >= 9 {
			column = targets
		}
		n, err := strconv.Atoi(words[column])
		if err == nil && which == 1 {
			n, err = strconv.Atoi(words[column+targets])
		}
		if err != nil {
			return 0, fmt.Errorf("kernels: kernel %s does not run on compute capability %d", name, major)
		}
		return n, nil
	}
	return 0, fmt.Errorf("kernels: found no registers of kernel %q", name)
}
