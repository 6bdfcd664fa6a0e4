package main

import (
	"github.com/rs/zerolog"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/nccl"
	"github.com/sparsebert/sparsebert-gpu/internal/device"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// ncclJoin is this process's part in NCCL, once it has a GPU.
type ncclJoin struct {
	library *nccl.Library
	place   nccl.Place
	comm    *group.Comm
	log     zerolog.Logger
	taken   bool
}

// byNCCL is nil where nothing is moved by NCCL.
var byNCCL *ncclJoin

// wantsNCCL says whether a run of several processes with this configuration uses NCCL.
func wantsNCCL(config train.Config) (bool, error) {
	on := device.Resolve(config.Device)
	switch {
	case config.NCCLLibrary == nccl.None || config.NCCLLibrary == "" && on != "cuda":
		return false, nil
	case on != "cuda" && on != "sim":
		return false, usage.Errorf("nccl_library: found %s for device %s, expected none: NCCL moves what is on GPUs", config.NCCLLibrary, on)
	}
	return true, nil
}

// useNCCL has data between GPUs moved by NCCL. Processes that MPI has joined go without where no library
// is named and some process finds none. So do all where some do not want it, on a machine without a GPU:
// what is different there is told before the first step.
func useNCCL(comm *group.Comm, config train.Config, log zerolog.Logger) error {
	wanted, err := wantsNCCL(config)
	if err != nil {
		return err
	}
	var library *nccl.Library
	wants, lacks := int64(0), int64(0)
	if wanted {
		wants = 1
		if library, err = nccl.Load(config.NCCLLibrary); err != nil {
			lacks = 1
			if config.NCCLLibrary != "" || !byMPI.Load() {
				return err
			}
		}
	}
	all := []int64{wants, lacks}
	if err := collective.SumFew(comm, all); err != nil {
		return err
	}
	if wants, lacks = all[0], all[1]; wants < int64(comm.Size()) || lacks > 0 {
		if comm.Rank() == 0 && lacks > 0 {
			log.Warn().Msgf("%d processes find no NCCL: data goes through the host, by MPI (--nccl-library %s says so too)", lacks, nccl.None)
		}
		return nil
	}
	p := nccl.Place{Rank: comm.Rank(), Size: comm.Size()}
	if p.Rank == 0 {
		if p.ID, err = library.UniqueID(); err != nil {
			return err
		}
	}
	if err := comm.Broadcast(0, p.ID[:]); err != nil {
		return err
	}
	byNCCL = &ncclJoin{library: library, place: p, comm: comm, log: log}
	return nil
}

// take gives the GPU of a device to NCCL, the first time.
func (n *ncclJoin) take(b backend.Backend) error {
	g, ok := b.(*gpu.Backend)
	if n.taken || !ok {
		return nil
	}
	shared, ok := g.Driver().(gpu.Shared)
	if !ok {
		return nil // a driver of a test
	}
	n.taken = true
	carrier, err := n.library.NewCarrier(shared, n.place, n.started)
	if err != nil {
		return err
	}
	return n.comm.Carry(carrier, shared.UUID())
}

// started logs the GPUs of all ranks.
func (n *ncclJoin) started(devices []group.Device) {
	if n.place.Rank != 0 {
		return
	}
	list := make([]string, len(devices))
	for i, d := range devices {
		list[i] = d.String()
	}
	n.log.Info().Str("library", n.library.String()).Strs("gpus", list).Msg("data between GPUs goes by NCCL")
}
