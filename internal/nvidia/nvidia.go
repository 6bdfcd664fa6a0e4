// Package nvidia finds out whether the machine shows an NVIDIA GPU, without
// NVIDIA's libraries.
//
// In the build with the tag nvidia it also looks when it is initialised, and
// ends a process that has no GPU with one line and exit code 2: gorgonia.org/cu
// would end it a moment later in its own words. It depends on os alone, so that
// Go, which initialises packages by import path among those that are ready,
// takes it before gorgonia.org/cu.
package nvidia

import "os"

// Missing returns "" where there is a GPU, otherwise what is missing.
func Missing() string {
	// The driver's control device, or on WSL the GPU of the host.
	for _, path := range []string{control, "/dev/dxg"} {
		if _, err := os.Stat(path); err == nil {
			return ""
		}
	}
	return "found no NVIDIA GPU (" + control + " is missing), expected one with its driver (a container must be given it: --gpus all)"
}

const control = "/dev/nvidiactl"
