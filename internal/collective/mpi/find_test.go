package mpi

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree makes empty files below a folder.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The library of the mpirun in PATH comes first, then what the loader knows; that of the launcher's
// kind before others.
func TestCandidates(t *testing.T) {
	dir := tree(t, "a/bin/other", "b/bin/mpirun", "b/lib/libmpi.so.12", "b/lib/libmpi_abi.so.1", "b/lib/libother.so", "c/bin/mpirun", "c/lib/libmpi.so.40")
	path := filepath.Join(dir, "a/bin") + ":" + filepath.Join(dir, "b/bin") + ":" + filepath.Join(dir, "c/bin")
	lib := filepath.Join(dir, "b/lib") + "/"
	for _, c := range []struct {
		env   map[string]string
		goos  string
		first []string
	}{
		{map[string]string{"PATH": path, "PMI_SIZE": "2"}, "linux", []string{lib + "libmpi_abi.so.1", lib + "libmpi.so.12", "libmpi_abi.so.1"}},
		{map[string]string{"PATH": path, "OMPI_COMM_WORLD_SIZE": "2"}, "linux", []string{lib + "libmpi_abi.so.1", lib + "libmpi.so.12", "libmpi.so.40"}},
		{map[string]string{"PATH": "relative/bin:" + filepath.Join(dir, "a/bin")}, "linux", []string{"libmpi.so.40", "libmpi_abi.so.1"}},
		{map[string]string{"PMI_SIZE": "2"}, "darwin", []string{"libmpi_abi.1.dylib"}},
	} {
		f := finder{func(name string) string { return c.env[name] }, c.goos}
		got := f.candidates()
		if len(got) < len(c.first) || !slices.Equal(got[:len(c.first)], c.first) {
			t.Errorf("%v: found %v, expected first %v", c.env, got, c.first)
		}
	}
	// The folder of the system's mpirun says nothing.
	f := finder{func(string) string { return "/usr/bin" }, "linux"}
	if got := f.besideMpirun(); got != nil {
		t.Errorf("found %v beside the system's mpirun, expected the loader's search", got)
	}
}

// A library that is not there is passed over; one that is there and cannot be loaded is told of.
func TestIsMissing(t *testing.T) {
	f := finder{os.Getenv, "linux"}
	for text, want := range map[string]bool{
		"libmpi.so.40: cannot open shared object file: No such file or directory":                       true,
		"libhwloc.so.15: cannot open shared object file: No such file or directory":                     false,
		"/opt/lib/libmpi.so.40: file too short":                                                         false,
		"dlopen(libmpi.so.40, 0x000A): tried: 'libmpi.so.40' (no such file), '/usr/lib' (no such file)": true,
	} {
		if got := f.isMissing("libmpi.so.40", errors.New(text)); got != want {
			t.Errorf("%s: found %v, expected %v", text, got, want)
		}
	}
}

// What libraries say of themselves, in one line.
func TestFirstLine(t *testing.T) {
	for said, want := range map[string]string{
		"MPICH Version:      5.0.2\nMPICH Release date: x\n\x00": "MPICH Version: 5.0.2",
		"Intel(R) MPI Library 2021.14 for Linux* OS\n\x00":       "Intel(R) MPI Library 2021.14 for Linux* OS",
		"Open MPI v4.1.4, package: Debian OpenMPI\x00garbage":    "Open MPI v4.1.4, package: Debian OpenMPI",
		"\xff\x01\tx": "x",
		"":            "",
	} {
		if got := firstLine(said); got != want {
			t.Errorf("%q: found %q, expected %q", said, got, want)
		}
	}
	for version, want := range map[string]bool{
		"MPICH Version: 4.0.2": true, "Intel(R) MPI Library 2021.14 for Linux* OS": true, "MVAPICH2 Version: 2.3.7": true,
		"MPI VERSION : CRAY MPICH version 8.1.29.7": true, "FUJITSU MPI Library 4.0.0": false, "": false,
	} {
		if isMPICH(version) != want {
			t.Errorf("%s: found %v, expected %v", version, !want, want)
		}
	}
}
