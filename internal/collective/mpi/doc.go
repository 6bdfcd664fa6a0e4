// Package mpi joins the processes of a run by an MPI library, which is loaded at run time: no cgo
// and no header is needed to build. It knows three binary interfaces, which all MPI libraries of
// today have one of: that of MPI 5 (libmpi_abi), of Open MPI (libmpi.so.40), and of MPICH
// (libmpi.so.12: MPICH, Intel MPI, MVAPICH, Cray MPICH).
//
// MPI only starts the processes and moves bytes. Eleven of its functions are called, of which
// three do the work: MPI_Isend, MPI_Irecv, MPI_Testsome. Package group makes the operations of these.
//
//	requests     a group.Port over a library
//	library      an MPI library that is loaded; abi, what differs between them
//	Join, Exit   the life of the process's part in MPI
//
// The build tag mpi brings it in: loading libraries without cgo makes the program one that needs
// the C library, and the plain program is to run on any Linux. Without the tag [Join] says so.
package mpi
