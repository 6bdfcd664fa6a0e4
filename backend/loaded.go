package backend

import (
	"cmp"
	"fmt"
	"slices"
)

// Loaded is what a device has loaded of its kernels so far, for records.
type Loaded struct {
	Kernels []LoadedKernel `json:"kernels"` // by name
	// Seconds is the time of the host that loading took, compiling included.
	Seconds float64 `json:"seconds"`
	// Warnings are what the user should know of it, a line each.
	Warnings []string `json:"warnings,omitempty"`
}

// LoadedKernel is a kernel as it was loaded.
type LoadedKernel struct {
	Name      string `json:"name"`
	Registers int    `json:"registers"` // of a thread; 0: not known
	// LocalBytes is the memory of a thread for arrays and for registers that spill.
	LocalBytes int `json:"local_bytes"`
	// Compiled says that the device's driver has compiled it from PTX; else the program
	// holds its machine code.
	Compiled bool `json:"compiled"`
}

// Add puts what another device of the same kind has loaded to it; warnings stay single.
func (l *Loaded) Add(other Loaded) {
	byName := func(a, b LoadedKernel) int { return cmp.Compare(a.Name, b.Name) }
	for _, k := range other.Kernels {
		if i, found := slices.BinarySearchFunc(l.Kernels, k, byName); !found {
			l.Kernels = slices.Insert(l.Kernels, i, k)
		}
	}
	for _, w := range other.Warnings {
		if !slices.Contains(l.Warnings, w) {
			l.Warnings = append(l.Warnings, w)
		}
	}
	l.Seconds += other.Seconds
}

// String says it in one line: how many, from what, and the most that one takes.
func (l Loaded) String() string {
	compiled, most, local := 0, LoadedKernel{}, LoadedKernel{}
	for _, k := range l.Kernels {
		if k.Compiled {
			compiled++
		}
		if k.Registers > most.Registers {
			most = k
		}
		if k.LocalBytes > local.LocalBytes {
			local = k
		}
	}
	text := fmt.Sprintf("%d loaded in %.2f s, %d of them compiled by the driver", len(l.Kernels), l.Seconds, compiled)
	if most.Registers > 0 {
		text += fmt.Sprintf("; at most %d registers (%s)", most.Registers, most.Name)
	}
	if local.LocalBytes > 0 {
		return text + fmt.Sprintf("; at most %d bytes of local memory (%s)", local.LocalBytes, local.Name)
	}
	return text + "; no local memory"
}
