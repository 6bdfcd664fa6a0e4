//go:build !noasm

package kernel

import "runtime"

// intel says whether Intel made the processor.
func intel() bool {
	b, d, c := vendor()
	return b == 'G'|'e'<<8|'n'<<16|'u'<<24 && d == 'i'|'n'<<8|'e'<<16|'I'<<24 && c == 'n'|'t'<<8|'e'<<16|'l'<<24
}

// Pause lets some cycles pass, for a loop that waits for another thread.
func Pause() { pauseSSE() }

// FlushSubnormals makes this thread count subnormals as zeros, in what it reads and in what it
// computes, and keeps the goroutine on the thread until Restore. Otherwise each instruction
// that meets a subnormal takes an Intel processor a hundred cycles and more, and the gradients
// of little-used weights and their moments are full of them.
func FlushSubnormals() (mode uint32) {
	const readAsZero, writeAsZero = 1 << 6, 1 << 15
	runtime.LockOSThread()
	mode = modeSSE()
	setModeSSE(mode | readAsZero | writeAsZero)
	return mode
}

// Restore ends what FlushSubnormals began, which returned mode.
func Restore(mode uint32) {
	setModeSSE(mode)
	runtime.UnlockOSThread()
}
