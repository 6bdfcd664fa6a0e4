package device

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"syscall"
)

// What the helper needs of the machine, for the messages below.
const wantDriver = "expected NVIDIA's driver 550 or newer, for CUDA 12.4"

// loaderSays are the words with which the system's loader gives the helper up, before any line of
// ours has run, and what they mean.
var loaderSays = []struct {
	words *regexp.Regexp
	means string // with the first group of words for %s
}{
	{regexp.MustCompile(`libcuda\.so\.1: (cannot open shared object file)`),
		"found no libcuda.so.1 (%s), " + wantDriver + "; install it, or give the container the GPU: --gpus all"},
	{regexp.MustCompile(`libcuda\.so\.1: (file too short|invalid ELF header|wrong ELF class|cannot read file data)`),
		"found a broken libcuda.so.1 (%s), " + wantDriver + "; install it again, or give the container the GPU: --gpus all"},
	{regexp.MustCompile(`undefined symbol: (cu\w+)`),
		"found a driver too old for this program (it lacks %s), " + wantDriver + "; update the driver"},
	{regexp.MustCompile("version `?GLIBC_([0-9.]+)'? not found"),
		"found a C library that is too old, expected glibc %s or newer, as where " + HelperName + " was built; build it on this system with ci/build-cuda.sh, or use the container"},
	{regexp.MustCompile(`loading shared libraries: (\S+): cannot open`),
		"found no %s, expected it on this system, for " + HelperName + " was linked with it; build it with ci/build-cuda.sh"},
}

// failureOf says why the helper failed when it was asked: line is the last that it wrote, err
// what became of its process.
func failureOf(helper, line string, err error) string {
	for _, l := range loaderSays {
		if m := l.words.FindStringSubmatch(line); m != nil {
			return fmt.Sprintf(l.means, m[1])
		}
	}
	if line != "" {
		return strings.TrimSuffix(strings.TrimPrefix(line, HelperName+": "), ".")
	}
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("%s: found no program for this system and processor, expected one; build it here with ci/build-cuda.sh", helper)
	case errors.Is(err, fs.ErrNotExist): // it is there: the loader that it names is not
		return fmt.Sprintf("%s: found no loader for it, expected a system with glibc; build it here with ci/build-cuda.sh, or use the container", helper)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s: found a file that this user may not run, expected a program; look at its mode, and whether its disk is mounted noexec", helper)
	}
	return fmt.Sprintf("%s ended without a word (%v); nvidia-smi must show a GPU", helper, err)
}
