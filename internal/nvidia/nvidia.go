// Package nvidia finds out whether the machine shows an NVIDIA GPU, without
// NVIDIA's libraries. It depends on os alone: see package preflight of
// gpu/cudadriver, which asks the libraries.
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
