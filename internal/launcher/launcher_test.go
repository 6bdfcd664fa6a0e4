package launcher_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want launcher.Place
	}{
		{nil, launcher.Place{Launcher: "no launcher", Size: 1}},
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_RANK": "1"},
			launcher.Place{"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE=4", 4, 3, 1}},
		// An mpirun whose daemons srun started, one a machine.
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "5", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"},
			launcher.Place{"Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE=8", 8, 5, -1}},
		{map[string]string{"PMI_SIZE": "2", "PMI_RANK": "0"}, launcher.Place{"MPICH's mpirun", "PMI_SIZE=2", 2, 0, -1}},
		{map[string]string{"PMI_SIZE": "2", "PMI_RANK": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}, launcher.Place{"srun", "PMI_SIZE=2", 2, 1, -1}},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "2"}, launcher.Place{"srun", "SLURM_STEP_NUM_TASKS=2", 2, -1, -1}},
		{map[string]string{"PET_NNODES": "4", "PET_NODE_RANK": "3", "PET_NPROC_PER_NODE": "8"}, launcher.Place{"Kubeflow Trainer", "PET_NNODES=4", 4, 3, -1}},
		{map[string]string{"WORLD_SIZE": "2", "RANK": "2"}, launcher.Place{"a launcher", "WORLD_SIZE=2", 2, -1, -1}},
		{map[string]string{"PMI_SIZE": "2", "PMI_RANK": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "1"}, launcher.Place{"srun", "PMI_SIZE=2", 2, 1, 1}},
		// torchrun, which srun has started on each of two machines, or in a shell of its own.
		{map[string]string{"WORLD_SIZE": "16", "RANK": "9", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "a", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "0"},
			launcher.Place{"a launcher", "WORLD_SIZE=16", 16, 9, 1}},
		{map[string]string{"WORLD_SIZE": "8", "RANK": "3", "LOCAL_RANK": "3", "TORCHELASTIC_RUN_ID": "a", "SLURM_STEP_NUM_TASKS": "1", "PMI_SIZE": "1", "PMI_RANK": "0"},
			launcher.Place{"a launcher", "WORLD_SIZE=8", 8, 3, 3}},
		{map[string]string{"WORLD_SIZE": "8", "RANK": "3", "TORCHELASTIC_RUN_ID": "a", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"},
			launcher.Place{"a launcher", "WORLD_SIZE=8", 8, 3, -1}},
		// What a script below srun sets: all of it, or too little to meet by.
		{map[string]string{"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "n1", "MASTER_PORT": "29500", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"},
			launcher.Place{"a launcher", "WORLD_SIZE=2", 2, 1, 0}},
		{map[string]string{"WORLD_SIZE": "2", "MASTER_ADDR": "n1", "MASTER_PORT": "29500", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"},
			launcher.Place{"srun", "SLURM_STEP_NUM_TASKS=2", 2, 1, -1}},
		{map[string]string{"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"},
			launcher.Place{"srun", "SLURM_STEP_NUM_TASKS=4", 4, 3, -1}},
		{map[string]string{"WORLD_SIZE": "8", "RANK": "3", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
			launcher.Place{"a launcher", "WORLD_SIZE=8", 8, 3, -1}},
		// An mpirun in a pod whose own variables are of what started the pod.
		{map[string]string{"WORLD_SIZE": "1", "RANK": "0", "MASTER_ADDR": "n1", "MASTER_PORT": "29500", "PMI_SIZE": "8", "PMI_RANK": "5"},
			launcher.Place{"MPICH's mpirun", "PMI_SIZE=8", 8, 5, -1}},
		// What an allocation says is no step: the batch script itself runs once.
		{map[string]string{"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}, launcher.Place{Launcher: "no launcher", Size: 1}},
	} {
		got, err := launcher.Find(func(name string) string { return c.env[name] })
		if err != nil || got != c.want {
			t.Errorf("%v: found %+v, %v, expected %+v", maps.Clone(c.env), got, err, c.want)
		}
	}
	for _, bad := range []string{"two", "0", "-1", "1.5", "99999999999999999999"} {
		if p, err := launcher.Find(func(string) string { return bad }); err == nil {
			t.Errorf("%s: found %+v, expected an error", bad, p)
		}
	}
}

func TestOutside(t *testing.T) {
	env := []string{"HOME=/h", "OMPI_COMM_WORLD_SIZE=2", "OMPI_COMM_WORLD_RANK=1", "PMI_SIZE=2", "PMI_RANK=0", "SLURM_STEP_NUM_TASKS=2", "SLURM_PROCID=1", "WORLD_SIZE=2", "RANK=0", "LOCAL_RANK=0", "MPI_LOCALRANKID=1", "PET_NNODES=2", "PET_NPROC_PER_NODE=1", "PET_MASTER_ADDR=a", "PMI_SIZES=3"}
	before := slices.Clone(env)
	if got := launcher.Outside(env); !slices.Equal(got, []string{"HOME=/h", "PMI_SIZES=3"}) || !slices.Equal(env, before) {
		t.Errorf("found %v of %v", got, env)
	}
}

// FuzzFind: whatever the environment says, a place is one.
func FuzzFind(f *testing.F) {
	f.Add("4", "3")
	f.Add("", "")
	f.Add("-4", "9999999999999999999999")
	f.Fuzz(func(t *testing.T, size, rank string) {
		env := map[string]string{"PMI_SIZE": size, "PMI_RANK": rank, "MPI_LOCALRANKID": rank}
		p, err := launcher.Find(func(name string) string { return env[name] })
		if err == nil && (p.Size < 1 || p.Rank < -1 || p.Rank >= p.Size || p.Local < -1 || p.Local >= p.Size) {
			t.Errorf("%q, %q: found %+v", size, rank, p)
		}
	})
}
