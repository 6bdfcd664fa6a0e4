package launcher

import (
	"fmt"
	"strconv"
)

// Variables of torchrun's own settings, by which Kubeflow Trainer tells the one process that it starts
// on each node what to start there (pkg/runtime/framework/plugins/torch in kubeflow/trainer).
const (
	nodesVariable   = "PET_NNODES"
	nodeVariable    = "PET_NODE_RANK"
	eachVariable    = "PET_NPROC_PER_NODE"
	addressVariable = "PET_MASTER_ADDR"
	portVariable    = "PET_MASTER_PORT"
)

var nodeVariables = []string{nodesVariable, nodeVariable, eachVariable, addressVariable, portVariable}

// Node is a machine among those on each of which one process is to start the processes of a run.
type Node struct {
	Count int // machines
	Rank  int // of this one, 0 to Count-1
	Each  int // processes on each; 0: as many as fit, one a GPU
	// Address and Port are where rank 0 of the run is met; empty with one machine.
	Address, Port string
}

// FindNode returns the node that the process is to start others on, and false where nothing says so, or
// where it is itself one of several processes. An error names the variable.
func FindNode(getenv func(string) string) (Node, bool, error) {
	if getenv(nodesVariable) == "" {
		return Node{}, false, nil
	}
	// A PyTorchJob says with torchrun's variables which of its pods this is. A process that torchrun has
	// started has a local rank too.
	_, err := strconv.Atoi(getenv(nodesVariable))
	pod := err == nil && getenv(eachVariable) != "" && getenv(addressVariable) != "" && getenv(otherLocal) == "" && getenv(torchrunVariable) == ""
	for _, v := range variables {
		if v != nodes && getenv(v.size) != "" && !(pod && v.size == otherSize) {
			return Node{}, false, nil
		}
	}
	p, err := nodes.place(getenv)
	if err != nil {
		return Node{}, false, err
	}
	n := Node{Count: p.Size, Rank: p.Rank}
	bad := func(name, expected string) (Node, bool, error) {
		return Node{}, false, fmt.Errorf("%s (%s): %s: found %q, expected %s", p.Launcher, p.Variable, name, getenv(name), expected)
	}
	switch text := getenv(eachVariable); text {
	case "", "auto", "gpu", "cpu":
	default:
		if n.Each, err = strconv.Atoi(text); err != nil || n.Each < 1 {
			return bad(eachVariable, "a number of processes, auto, gpu or cpu")
		}
	}
	if n.Count == 1 {
		n.Rank = 0
		return n, true, nil
	}
	if n.Rank < 0 {
		return bad(nodeVariable, fmt.Sprintf("a number from 0 to %d", n.Count-1))
	}
	n.Address, n.Port = getenv(addressVariable), getenv(portVariable)
	if n.Address == "" {
		return bad(addressVariable, "the host of node 0")
	}
	if port, err := strconv.Atoi(n.Port); err != nil || port < 1 || port > 65535 {
		return bad(portVariable, "a port from 1 to 65535")
	}
	return n, true, nil
}
