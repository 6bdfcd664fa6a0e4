package mpi

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
)

// finder looks for MPI libraries in an environment and a system.
type finder struct {
	getenv func(string) string
	goos   string
}

// names are the files of MPI libraries, in the order in which they are tried: those of the launcher
// that started this process first, for two MPI libraries do not find each other's processes.
func (f finder) names() []string {
	open := []string{"libmpi.so.40"}
	others := []string{"libmpi_abi.so.1", "libmpi_abi.so.0", "libmpi.so.12", "libmpich.so.12", "libmpi_cray.so.12"}
	last := []string{"libmpi.so"}
	if f.goos == "darwin" {
		open = []string{"libmpi.40.dylib"}
		others = []string{"libmpi_abi.1.dylib", "libmpi_abi.0.dylib", "libmpi.12.dylib"}
		last = []string{"libmpi.dylib"}
	}
	if f.getenv("PMI_SIZE") != "" && f.getenv("OMPI_COMM_WORLD_SIZE") == "" {
		return append(append(others, open...), last...)
	}
	return append(append(open, others...), last...)
}

// candidates are the files to try: of the MPI whose mpirun is the first in PATH, then what the
// loader finds by name.
func (f finder) candidates() []string {
	var out []string
	for _, dir := range f.besideMpirun() {
		for _, name := range f.names() {
			if file := filepath.Join(dir, name); exists(file) {
				out = append(out, file)
			}
		}
	}
	return append(out, f.names()...)
}

// besideMpirun returns the folders for libraries of the MPI whose mpirun is the first in PATH. One
// in a folder of the system says nothing: its library is where the loader looks.
func (f finder) besideMpirun() []string {
	for _, dir := range filepath.SplitList(f.getenv("PATH")) {
		if !filepath.IsAbs(dir) || !exists(filepath.Join(dir, "mpirun")) && !exists(filepath.Join(dir, "mpiexec")) {
			continue
		}
		root := filepath.Dir(filepath.Clean(dir))
		if root == "/" || root == "/usr" {
			return nil
		}
		return []string{filepath.Join(root, "lib"), filepath.Join(root, "lib64")}
	}
	return nil
}

// isMissing says whether the loader's error about a library is that there is none of that name.
func (f finder) isMissing(name string, err error) bool {
	text := err.Error()
	return strings.Contains(text, name+": cannot open shared object file") || strings.Contains(text, "("+name+",") && strings.Contains(text, "no such file")
}

func exists(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.IsDir()
}

// isMPICH says whether a library that names itself so has MPICH's interface, of one of the members of
// the ABI Compatibility Initiative.
func isMPICH(version string) bool {
	for _, name := range []string{"MPICH", "Intel(R) MPI", "MVAPICH", "CRAY", "ParaStation"} {
		if strings.Contains(strings.ToUpper(version), strings.ToUpper(name)) {
			return true
		}
	}
	return false
}

// firstLine is the first line of what a library says, without surplus spaces. MPICH's version is
// several lines with tabs; it ends with a zero in some.
func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimLeft(text, " \n"), "\n")
	text, _, _ = strings.Cut(text, "\x00")
	return strings.Join(strings.Fields(group.OneLine(text)), " ")
}
