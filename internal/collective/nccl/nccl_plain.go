//go:build !mpi || !unix

package nccl

import (
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// Library is NCCL where it is loaded; this build has none.
type Library struct{}

// Load fails: this build loads no libraries.
func Load(file string) (*Library, error) {
	return nil, usage.Errorf("nccl_library: this build cannot load NCCL, expected one with -tags mpi or the one for NVIDIA GPUs (docs/scaling.md); --nccl-library %s goes without", None)
}

// String names the library.
func (l *Library) String() string { return "none" }

// UniqueID fails: there is no library.
func (l *Library) UniqueID() (ID, error) { return ID{}, usage.Errorf("nccl_library: none is loaded") }

// NewCarrier fails: there is no library.
func (l *Library) NewCarrier(m Memory, p Place, log func(devices []group.Device)) (group.Carrier, error) {
	return nil, usage.Errorf("nccl_library: none is loaded")
}
