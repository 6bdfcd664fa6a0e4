//go:build !unix

package clock

// Watch does nothing: on this system a process is not stopped and continued.
func Watch() (stop func()) { return func() {} }
