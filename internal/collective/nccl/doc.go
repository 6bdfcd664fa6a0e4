// Package nccl moves the long messages between the processes of a run from GPU to GPU by NVIDIA's NCCL,
// which is loaded at run time: no cgo and no header is needed to build.
//
// NCCL only moves bytes. Its sums depend on the algorithm that it chooses, so it is asked for none: of its
// functions that do work there are ncclSend and ncclRecv, in groups. Memory of the GPU is sent from where it
// is, and received where it belongs. What is the host's is copied to a buffer on the GPU before and from one
// afterwards. Package group says who sends how much to whom by its port, MPI or sockets, and asks a
// [Carrier] for what both sides have agreed on. So NCCL never waits for a rank that will not come, and every
// wait has an end.
//
//	Library      NCCL where it is loaded
//	Carrier      group.Carrier over a communicator of NCCL and a buffer on the GPU
//
// The build tag mpi brings it in, as it does MPI: loading libraries without cgo makes the program one that
// needs the C library. Without the tag [Load] says so.
package nccl
