package group

import (
	"os"

	"golang.org/x/sys/unix"
)

// bound returns how many cores this process may run on, and how many the process that started it:
// of a launcher, all that the job has on this machine. They are 0 where the system does not say.
func bound() (own, launchers int) {
	var set, parents unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil || unix.SchedGetaffinity(os.Getppid(), &parents) != nil {
		return 0, 0
	}
	return set.Count(), parents.Count()
}
