package report

import (
	"errors"
	"net"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/ownhost"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/writable"
)

// FileName is the report that train leaves in its run folder.
const FileName = "report.html"

// Make reads run folders and sweep folders and makes a report of them. stepTimes, if not "", is a
// file of bench --step --json, by which losses are set against time too. An error about what the
// files hold is one of package usage.
func Make(paths []string, stepTimes string) (*Report, error) {
	d, err := Load(paths)
	if err != nil {
		return nil, aboutData(err)
	}
	if stepTimes != "" {
		if d.steps, err = readStepTimes(stepTimes); err != nil {
			return nil, aboutData(err)
		}
	}
	r, err := New(d)
	return r, aboutData(err)
}

// aboutData marks errors about the runs as the user's.
func aboutData(err error) error {
	if errors.Is(err, ErrData) || errors.Is(err, metrics.ErrMalformed) {
		return usage.Mark(err)
	}
	return err
}

// Leave writes the report of a run into its folder.
func Leave(dir string) error {
	r, err := Make([]string{dir}, "")
	if err != nil {
		return err
	}
	return r.WriteHTML(filepath.Join(dir, FileName))
}

// CheckOut says, before anything is read, whether the page can be written to a file.
func CheckOut(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage.Errorf("out: found %s to be a folder, expected a file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usage.Errorf("out: found no folder %s, expected one for the file", filepath.Dir(path))
	}
	return checkWritable("out", filepath.Dir(path))
}

// checkWritable says whether a file can be made in the folder dir, or in the nearest one above it
// that exists. flag names what asks for it.
func checkWritable(flag, dir string) error {
	dir = writable.Nearest(dir)
	if err := writable.Check(dir); err != nil {
		return usage.Errorf("%s: found %s not writable (%w), expected a writable folder", flag, dir, err)
	}
	return nil
}

// CheckFigures says whether a folder for the figures can be made or used.
func CheckFigures(path string) error {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return usage.Errorf("figures: found %s to be a file, expected a folder", path)
	}
	return checkWritable("figures", path)
}

// Listen opens the address on which a page is served. An error is one of package usage.
func Listen(address string) (net.Listener, error) {
	l, err := ownhost.Listen(address)
	if err != nil {
		return nil, usage.Errorf("listen: found %q (%w), expected an address such as 127.0.0.1:8080 that is free", address, err)
	}
	return l, nil
}
