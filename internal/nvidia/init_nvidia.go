//go:build nvidia

package nvidia

import "os"

func init() {
	if missing := Missing(); missing != "" {
		os.Stderr.WriteString("sparsebert-gpu-cuda: " + missing + "\n")
		os.Exit(2)
	}
}
