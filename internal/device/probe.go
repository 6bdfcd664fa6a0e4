package device

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
	"github.com/sparsebert/sparsebert-gpu/kernels"
)

// Probe is the helper's answer to ProbeFlag: it opens the GPU, has it compile one kernel, and
// writes the helper's version and the GPU's name.
func Probe(w io.Writer) error {
	d, err := openCUDA()
	if err != nil {
		return err
	}
	if err := compileOne(d); err != nil {
		return usage.Mark(err)
	}
	fmt.Fprintf(w, "%s %s\n%s\n", HelperName, version.Full(), d.Describe())
	return d.Close()
}

// compileOne has the driver compile a kernel: one that cannot shows before a run.
func compileOne(d gpu.Driver) error {
	for _, name := range kernels.Names() {
		if strings.HasSuffix(name, "_sm90a") {
			continue // not for every GPU
		}
		text, err := kernels.PTX(name)
		if err != nil {
			return err
		}
		_, err = d.Load(name, []byte(text))
		return err
	}
	return errors.New("found no kernel, expected some")
}
