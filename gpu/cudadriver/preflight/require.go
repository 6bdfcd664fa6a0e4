// Package preflight asks NVIDIA's driver, before anything else does, whether this
// program can run on it, and says what is wrong in one line.
//
// With the build tag nvidia it asks when it is initialized, and ends the process
// with exit code 2 where it cannot run: gorgonia.org/cu would end it a moment
// later in its own words. Go initializes packages by import path among those
// that are ready, so this one comes before gorgonia.org/cu. Without the tag the
// package holds the lines only.
package preflight

import (
	"fmt"
	"os"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/nvidia"
)

// What the kernels need: their PTX is that of CUDA 12.4, for compute capability
// 8.0 or newer.
const (
	wantCUDA = 12040 // as cuDriverGetVersion counts
	wantGPU  = 8     // the major number
	want     = "expected NVIDIA's driver 550 or newer, for CUDA 12.4"
)

// oldDriver returns "" if a driver is new enough; cuda is what
// cuDriverGetVersion returns.
func oldDriver(cuda int) string {
	if cuda >= wantCUDA {
		return ""
	}
	return fmt.Sprintf("found %s for CUDA %d.%d, %s; update the driver", driver(), cuda/1000, cuda%1000/10, want)
}

// releaseFile holds the version of the driver in the kernel, 550.54.15 say.
// Containers see it; WSL has none.
var releaseFile = "/sys/module/nvidia/version"

// driver names the driver with its version where the system tells it.
func driver() string {
	text, err := os.ReadFile(releaseFile)
	if err != nil {
		return "a driver"
	}
	return "driver " + strings.TrimSpace(string(text))
}

// GPU is what a device says of itself.
type GPU struct {
	Name, UUID   string
	Major, Minor int
}

// OldGPU returns "" if the GPU is new enough. Among the others it looks for one
// that would do.
func OldGPU(g GPU, others []GPU) string {
	if g.Major >= wantGPU {
		return ""
	}
	line := fmt.Sprintf("found %s with compute capability %d.%d, expected a GPU with %d.0 or newer (A100, RTX 30 and later)", g.Name, g.Major, g.Minor, wantGPU)
	for _, o := range others {
		if o.Major >= wantGPU {
			return line + fmt.Sprintf("; this machine's %s would do: set CUDA_VISIBLE_DEVICES=%s", o.Name, o.UUID)
		}
	}
	return line
}

// Codes of CUDA that have a reason of their own.
const (
	outOfMemory       = 2
	stubLibrary       = 34
	needsNewerDriver  = 36
	deviceUnavailable = 46
	noDevice          = 100
	noBinary          = 209
	noCompiler        = 221
	unsupportedPTX    = 222
	compilerDisabled  = 223
	operatingSystem   = 304
	systemNotReady    = 802
	driverMismatch    = 803
	noCompatibility   = 804
	unknown           = 999
)

// Hint says what is behind a CUDA error that comes up before the first kernel
// runs, and what to do; "" if it knows no more than CUDA.
func Hint(code int) string {
	switch code {
	case outOfMemory:
		return "found too little free memory on the GPU, expected more; stop what else uses it (nvidia-smi lists it)"
	case stubLibrary:
		return "found the libcuda.so.1 of a CUDA toolkit's stubs, " + want + "; take the folder of stubs out of LD_LIBRARY_PATH"
	case needsNewerDriver, unsupportedPTX:
		return "found " + driver() + " that is too old for this program, " + want + "; update the driver"
	case deviceUnavailable:
		return "found the GPU taken by another process, expected it free; stop that (nvidia-smi lists it), or choose another GPU by CUDA_VISIBLE_DEVICES"
	case noDevice:
		if chosen, ok := os.LookupEnv("CUDA_VISIBLE_DEVICES"); ok {
			return fmt.Sprintf("found no GPU with CUDA_VISIBLE_DEVICES=%q, expected the number or UUID of one that nvidia-smi -L lists; set it to that, or unset it", chosen)
		}
		if missing := nvidia.Missing(); missing != "" {
			return missing
		}
		return "found " + driver() + " but no GPU, expected one that nvidia-smi -L lists"
	case noBinary:
		return "found a GPU for which the driver cannot compile, expected one with compute capability 8.0 or newer"
	case noCompiler:
		return "found no libnvidia-ptxjitcompiler.so.1, expected it with the driver; install the whole driver, in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility"
	case compilerDisabled:
		return "found the driver's compiler switched off, expected it on; unset CUDA_DISABLE_PTX_JIT and CUDA_DISABLE_JIT"
	case operatingSystem:
		return "found device files of the GPU that cannot be opened, expected them open to this user; nvidia-smi must work here (in a container: --gpus all)"
	case systemNotReady:
		return "found a GPU that is not ready, expected its services running; start nvidia-fabricmanager"
	case driverMismatch:
		return "found a libcuda.so.1 that does not fit the kernel (" + driver() + "), expected both of one version; restart the machine after an update of the driver, and the container"
	case noCompatibility:
		return "found " + driver() + " that is too old for this container, and a GPU without forward compatibility, " + want + "; update the driver of the host"
	case unknown:
		return "found a driver that does not start, expected one that nvidia-smi speaks to; load its module (nvidia-modprobe -u) or restart the machine"
	}
	return ""
}

// initLine says why cuInit failed; text is CUDA's own words.
func initLine(code int, text string) string {
	hint := Hint(code)
	if hint == "" {
		hint = "the driver does not start; nvidia-smi must show the GPU"
	}
	return fmt.Sprintf("%s (cuInit: CUDA error %d, %s)", hint, code, text)
}
