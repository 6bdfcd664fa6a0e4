package group

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// cores names those that this process may run on, as far as the system says.
func cores() string {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return ""
	}
	return fmt.Sprint(set)
}
