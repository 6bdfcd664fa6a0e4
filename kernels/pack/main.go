// Command pack puts machine code of the kernels into an archive, which a build with the tag cubins
// holds (kernels.Cubin). ci/build-cuda.sh calls it:
//
//	pack -targets                                    prints the ptxas targets to assemble for
//	pack -ptx kernels/ptx -cubins FOLDER -out FILE   packs FOLDER/NAME.cubin, made of NAME.ptx each
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/kernels"
)

func main() {
	ptx := flag.String("ptx", "kernels/ptx", "the `folder` of the PTX")
	cubins := flag.String("cubins", "", "the `folder` of the machine code")
	out := flag.String("out", "", "the `file` to write")
	targets := flag.Bool("targets", false, "print the ptxas targets")
	flag.Parse()
	err := fmt.Errorf("found no -targets, or -cubins with -out, expected one")
	switch {
	case flag.NArg() > 0:
		err = fmt.Errorf("found argument %q, expected none", flag.Arg(0))
	case *targets:
		_, err = fmt.Println(strings.Join(kernels.CubinTargets(), " "))
	case *cubins != "" && *out != "":
		err = pack(*out, *ptx, *cubins)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// pack writes an archive of the machine code in a folder.
func pack(out, ptx, cubins string) error {
	files, err := filepath.Glob(filepath.Join(cubins, "*.cubin")) // sorted
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: found no .cubin, expected some", cubins)
	}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(to, flate.BestCompression)
	})
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(code, []byte("\x7fELF")) {
			return fmt.Errorf("%s: found no ELF file, expected what ptxas makes", file)
		}
		text, err := os.ReadFile(filepath.Join(ptx, strings.TrimSuffix(filepath.Base(file), ".cubin")+".ptx"))
		if err != nil {
			return err
		}
		// A header without a time: the same code makes the same archive.
		entry, err := w.CreateHeader(&zip.FileHeader{Name: kernels.CubinEntry(text), Method: zip.Deflate})
		if err != nil {
			return err
		}
		if _, err := entry.Write(code); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, archive.Bytes(), 0o666)
}
