package sockets

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Variable is set for processes that another one of this program has started together: it has the file
// of the connection to each other rank, with commas between them, and 0 for the process itself. It is
// [None] where they are to [Meet] others of other machines.
const Variable = "SPARSEBERT_SOCKETS"

// None is the Variable of processes without connections.
const None = "none"

// Started says whether another process of this program has started this one as one of several.
func Started() bool { return os.Getenv(Variable) != "" }

// Inherited says whether it has connections to the others from there.
func Inherited() bool { return Started() && os.Getenv(Variable) != None }

// Inherit returns the connections to the other ranks that the process was started with, by rank; that of
// this one is nil. It is called once.
func Inherit(rank, size int) ([]net.Conn, error) {
	text := os.Getenv(Variable)
	fields := strings.Split(text, ",")
	if len(fields) != size {
		return nil, fmt.Errorf("%s: found %q, expected %d files", Variable, text, size)
	}
	if err := os.Unsetenv(Variable); err != nil { // what this one starts is none of them
		return nil, err
	}
	conns := make([]net.Conn, size)
	for i, field := range fields {
		if i == rank {
			continue
		}
		fd, err := strconv.Atoi(field)
		if err != nil || fd < 3 {
			return nil, fmt.Errorf("%s: found %q, expected the number of a file", Variable, field)
		}
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), fmt.Sprintf("connection to rank %d", i))
		if conns[i], err = net.FileConn(f); err != nil {
			return nil, fmt.Errorf("%s: file %d: %w", Variable, fd, err)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return conns, nil
}

// Pairs makes the connections between processes to be started: files[i] has those of rank i by rank,
// with nil for itself.
func Pairs(size int) (files [][]*os.File, err error) {
	files = make([][]*os.File, size)
	for i := range files {
		files[i] = make([]*os.File, size)
	}
	for i := range size {
		for j := range i {
			syscall.ForkLock.RLock()
			fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err == nil {
				syscall.CloseOnExec(fds[0])
				syscall.CloseOnExec(fds[1])
			}
			syscall.ForkLock.RUnlock()
			if err != nil {
				return files, fmt.Errorf("make the connections between %d processes: %w", size, err)
			}
			files[i][j] = os.NewFile(uintptr(fds[0]), fmt.Sprintf("rank %d to rank %d", i, j))
			files[j][i] = os.NewFile(uintptr(fds[1]), fmt.Sprintf("rank %d to rank %d", j, i))
		}
	}
	return files, nil
}
