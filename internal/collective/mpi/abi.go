//go:build mpi && unix

package mpi

import "fmt"

// abi is what a binary interface of MPI fixes: how long handles are and the values of constants.
type abi struct {
	name string
	// handle is the size of a handle in bytes, 4 or 8.
	handle uintptr
	// Handles. Those of Open MPI are addresses of symbols.
	world, byteType, errorsReturn, requestNull handleValue
	statusesIgnore                             uintptr
	serialized                                 uintptr // MPI_THREAD_SERIALIZED
}

// handleValue is a handle: a constant, or the address of a symbol.
type handleValue struct {
	constant uintptr
	symbol   string
}

// The interfaces that programs were ever linked against. MPICH's is that of Intel MPI, MVAPICH and
// Cray MPICH too (the MPICH ABI Compatibility Initiative). Constants are those of each mpi.h.
var (
	// abiOpenMPI is that of libmpi.so.40: Open MPI 3 to 5.
	abiOpenMPI = abi{
		name: "Open MPI's interface", handle: 8,
		world:        handleValue{symbol: "ompi_mpi_comm_world"},
		byteType:     handleValue{symbol: "ompi_mpi_byte"},
		errorsReturn: handleValue{symbol: "ompi_mpi_errors_return"},
		requestNull:  handleValue{symbol: "ompi_request_null"},
		serialized:   2,
	}
	// abiMPICH is that of libmpi.so.12.
	abiMPICH = abi{
		name: "MPICH's interface", handle: 4,
		world:          handleValue{constant: 0x44000000},
		byteType:       handleValue{constant: 0x4c00010d},
		errorsReturn:   handleValue{constant: 0x54000001},
		requestNull:    handleValue{constant: 0x2c000000},
		statusesIgnore: 1,
		serialized:     2,
	}
	// abiStandard is that of libmpi_abi: MPI 5.0, chapter 20.
	abiStandard = abi{
		name: "MPI 5's interface", handle: 8,
		world:        handleValue{constant: 0x101},
		byteType:     handleValue{constant: 0x247},
		errorsReturn: handleValue{constant: 0x143},
		requestNull:  handleValue{constant: 0x180},
		serialized:   2048,
	}
)

// functions are those of MPI that are called.
type functions struct {
	getLibraryVersion, initThread, finalize, abort uintptr
	commRank, commSize, setErrhandler, errorString uintptr
	isend, irecv, testsome                         uintptr
	abiVersion                                     uintptr // 0: the library is older than MPI 5
}

// symbol is a function and where its address goes.
type symbol struct {
	name string
	to   *uintptr
}

// symbols are the functions that every library has.
func (f *functions) symbols() []symbol {
	return []symbol{
		{"MPI_Get_library_version", &f.getLibraryVersion}, {"MPI_Init_thread", &f.initThread}, {"MPI_Finalize", &f.finalize},
		{"MPI_Abort", &f.abort}, {"MPI_Comm_rank", &f.commRank}, {"MPI_Comm_size", &f.commSize},
		{"MPI_Comm_set_errhandler", &f.setErrhandler}, {"MPI_Error_string", &f.errorString},
		{"MPI_Isend", &f.isend}, {"MPI_Irecv", &f.irecv}, {"MPI_Testsome", &f.testsome},
	}
}

// handles are the values of an abi's handles in a library that is loaded.
type handles struct{ world, byteType, errorsReturn, requestNull uintptr }

// handles looks the abi's handles up.
func (a *abi) handles(address func(symbol string) (uintptr, error)) (handles, error) {
	var h handles
	for _, v := range []struct {
		to   *uintptr
		from handleValue
	}{{&h.world, a.world}, {&h.byteType, a.byteType}, {&h.errorsReturn, a.errorsReturn}, {&h.requestNull, a.requestNull}} {
		*v.to = v.from.constant
		if v.from.symbol == "" {
			continue
		}
		var err error
		if *v.to, err = address(v.from.symbol); err != nil {
			return h, fmt.Errorf("%s: found no %s", a.name, v.from.symbol)
		}
	}
	return h, nil
}
