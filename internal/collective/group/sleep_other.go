//go:build !linux

package group

import "time"

// sleep waits for d, or somewhat longer.
func sleep(d time.Duration) { time.Sleep(d) }
