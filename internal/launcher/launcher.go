// Package launcher tells whether the process is one of several that a launcher started together:
// mpirun, srun or torchrun, or on each of several machines what is to start them there ([FindNode]).
// They say so in the environment only.
package launcher

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Place is a process's place among those that were started together.
type Place struct {
	Launcher string // for messages, such as Open MPI's mpirun
	Variable string // the variable that has Size
	Size     int    // processes, at least 1
	Rank     int    // 0 to Size-1; -1 where the launcher does not say
	Local    int    // rank among those on this machine; -1 where the launcher does not say
}

// String says who started how many.
func (p Place) String() string {
	return fmt.Sprintf("%s started %d processes (%s)", p.Launcher, p.Size, p.Variable)
}

// variable names what a launcher says in the environment.
type variable struct{ launcher, size, rank, local string }

// variables has the launchers. One may start another: srun the daemons of an mpirun, and that the
// processes. What is started last comes first here.
var variables = []variable{
	{"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"},
	{"MPICH's mpirun", pmiSize, "PMI_RANK", "MPI_LOCALRANKID"},
	{"srun", slurmSize, "SLURM_PROCID", slurmLocal},
	{Other, otherSize, otherRank, otherLocal},
	nodes,
}

// nodes is what starts one process on each of several machines.
var nodes = variable{"Kubeflow Trainer", nodesVariable, nodeVariable, ""}

// Other is the launcher of a process that has the variables of torchrun, which many set.
const Other = "a launcher"

// Variables of a launcher that starts processes of its own below another one.
const (
	pmiSize               = "PMI_SIZE"
	slurmSize, slurmLocal = "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"
	otherSize, otherRank  = "WORLD_SIZE", "RANK"
	otherLocal            = "LOCAL_RANK"
	torchrunVariable      = "TORCHELASTIC_RUN_ID"
)

// byOther says whether the variables of torchrun are of what has started this process last: torchrun
// itself, whatever has started that; or below srun something that sets all of them, for as many processes
// as srun has started at least. What says 1 is of a shell that has them for programs that run alone.
func byOther(getenv func(string) string, srun bool) bool {
	set := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return getenv(name) == "" })
	}
	if !set(otherSize, otherRank) {
		return false
	}
	size, errSize := strconv.Atoi(getenv(otherSize))
	tasks, errTasks := strconv.Atoi(getenv(slurmSize))
	return set(torchrunVariable) || srun && set("MASTER_ADDR", "MASTER_PORT") && errSize == nil && errTasks == nil && size >= max(2, tasks)
}

// Find returns the process's place by its environment, which getenv reads. Without a launcher it
// is rank 0 of 1. An error says which variable is no number of processes.
func Find(getenv func(string) string) (Place, error) {
	for _, v := range variables {
		text := getenv(v.size)
		// Where srun has --mpi=pmi2 it sets the variables of MPICH too.
		srun := v.size == slurmSize || v.size == pmiSize && getenv(slurmSize) == text
		if text == "" || v.size != otherSize && (byOther(getenv, false) || srun && byOther(getenv, true)) {
			continue
		}
		if srun {
			v.launcher = "srun"
			if getenv(v.local) == "" {
				v.local = slurmLocal
			}
		}
		return v.place(getenv)
	}
	return Place{Launcher: "no launcher", Size: 1}, nil
}

// place is the one that a launcher's variables say.
func (v variable) place(getenv func(string) string) (Place, error) {
	text := getenv(v.size)
	p := Place{Launcher: v.launcher, Variable: v.size + "=" + text, Rank: -1, Local: -1}
	var err error
	if p.Size, err = strconv.Atoi(text); err != nil || p.Size < 1 {
		of := "processes"
		if v.size == nodesVariable {
			of = "nodes"
		}
		return Place{}, fmt.Errorf("%s: found %q, expected the number of %s, or no such variable", v.size, text, of)
	}
	if r, err := strconv.Atoi(getenv(v.rank)); err == nil && r >= 0 && r < p.Size {
		p.Rank = r
	}
	if r, err := strconv.Atoi(getenv(v.local)); err == nil && r >= 0 && r < p.Size {
		p.Local = r
	}
	return p, nil
}

// Outside is an environment without what launchers say of this process: for a program that it starts
// and that is no process of the job.
func Outside(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(nodeVariables, name) ||
			slices.ContainsFunc(variables, func(v variable) bool { return name == v.size || name == v.rank || name == v.local })
	})
}
