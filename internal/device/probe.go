package device

import (
	"fmt"
	"io"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

// Probe is the helper's answer to ProbeFlag: it opens the GPU, has it load one kernel, and
// writes the helper's version and the GPU's name.
func Probe(w io.Writer) error {
	d, err := openCUDA(0)
	if err != nil {
		return err
	}
	if err := gpu.LoadOne(d); err != nil {
		return usage.Mark(err)
	}
	fmt.Fprintf(w, "%s %s\n%s\n", HelperName, version.Full(), d.Describe())
	return d.Close()
}
