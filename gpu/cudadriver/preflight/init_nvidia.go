//go:build nvidia

package preflight

// #cgo LDFLAGS: -lcuda
// #include <cuda.h>
import "C"

import (
	"os"
	"strings"
)

// No import here or in internal/nvidia may be one that gorgonia.org/cu does
// without: Go might then take cu first. ci/build-cuda.sh --self-test would show it.
func init() {
	if line := ask(); line != "" {
		name := os.Args[0][strings.LastIndex(os.Args[0], "/")+1:]
		os.Stderr.WriteString(name + ": " + line + "\n")
		os.Exit(2)
	}
}

// ask returns why the driver cannot be used, or "". The version comes first: it
// can be asked for at any time, and explains most of what cuInit complains of.
func ask() string {
	var version C.int
	if C.cuDriverGetVersion(&version) == C.CUDA_SUCCESS && version > 0 {
		if line := oldDriver(int(version)); line != "" {
			return line
		}
	}
	code := C.cuInit(0)
	if code == C.CUDA_SUCCESS {
		return ""
	}
	text := "unknown to the driver"
	var name *C.char
	if C.cuGetErrorName(code, &name) == C.CUDA_SUCCESS && name != nil {
		text = C.GoString(name)
	}
	return initLine(int(code), text)
}
