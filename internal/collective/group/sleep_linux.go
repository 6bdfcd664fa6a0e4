package group

import (
	"syscall"
	"time"
)

// sleep waits for d. Go's own sleep is a millisecond or more where the process has nothing else to
// do, and a message takes a hundredth of that.
func sleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil)
}
