package kernels

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Cubin returns the machine code that was assembled from a PTX text for GPUs of a compute
// capability, nil where the build has none: a driver loads it without compiling. Only a build with
// the tag cubins has any. ci/build-cuda.sh makes one, with an archive for each of CubinTargets in
// the folder cubin.
//
// The archives know a text by its SHA-256, so that code of another PTX is never taken for it.
func Cubin(ptx []byte, major, minor int) ([]byte, error) {
	return cubin(cubins, ptx, major, minor)
}

// CubinTargets are the ptxas targets for which ci/build-cuda.sh assembles the kernels.
func CubinTargets() []string {
	var all []string
	for _, t := range cubinTargets {
		all = append(all, t.name)
	}
	return all
}

// cubinTargets says which GPUs run what: code for 8.0 and 8.6 runs on later GPUs of compute
// capability 8 too, code for 9.0a on 9.0 alone.
var cubinTargets = []struct {
	name           string
	major          int
	minor, through int // the first and the last
}{
	{"sm_80", 8, 0, 5}, {"sm_86", 8, 6, 8}, {"sm_89", 8, 9, 9}, {"sm_90a", 9, 0, 0},
}

// cubin is Cubin with the archives in a folder; nil: there are none.
func cubin(folder fs.FS, ptx []byte, major, minor int) (code []byte, err error) {
	if folder == nil {
		return nil, nil
	}
	target := ""
	for _, t := range cubinTargets {
		if major == t.major && minor >= t.minor && minor <= t.through {
			target = t.name
		}
	}
	if target == "" {
		return nil, nil
	}
	file, err := folder.Open("cubin/" + target + ".zip")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // assembled for other GPUs alone
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	at, ok := file.(io.ReaderAt) // as files in memory are
	if !ok {
		return nil, fmt.Errorf("kernels: cubin/%s.zip: found a file that cannot be read at random", target)
	}
	archive, err := zip.NewReader(at, info.Size())
	if err != nil {
		return nil, fmt.Errorf("kernels: cubin/%s.zip: %w", target, err)
	}
	entry, err := archive.Open(CubinEntry(ptx))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kernels: cubin/%s.zip: %w", target, err)
	}
	defer entry.Close()
	if code, err = io.ReadAll(entry); err != nil { // which compares checksums
		return nil, fmt.Errorf("kernels: cubin/%s.zip: %w", target, err)
	}
	return code, nil
}

// CubinEntry is the name in an archive of what was assembled from a PTX text.
func CubinEntry(ptx []byte) string {
	sum := sha256.Sum256(ptx)
	return hex.EncodeToString(sum[:]) + ".cubin"
}
