package launcher_test

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

// environment reads "NAME=value NAME=value".
func environment(text string) func(string) string {
	env := map[string]string{}
	for pair := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

func TestFindNode(t *testing.T) {
	const two = "PET_NNODES=2 PET_NODE_RANK=1 PET_MASTER_ADDR=run-node-0-0.run PET_MASTER_PORT=29400"
	there := launcher.Node{Count: 2, Rank: 1, Address: "run-node-0-0.run", Port: "29400"}
	eight := there
	eight.Each = 8
	for _, c := range []struct {
		env   string
		want  launcher.Node
		found bool
	}{
		{"", launcher.Node{}, false},
		{"PET_NPROC_PER_NODE=8", launcher.Node{}, false},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=8", launcher.Node{Count: 1, Each: 8}, true},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=auto PET_NODE_RANK=0", launcher.Node{Count: 1}, true},
		{two, there, true},
		{two + " PET_NPROC_PER_NODE=8", eight, true},
		{two + " PET_NPROC_PER_NODE=gpu", there, true},
		// What torchrun has started there, or mpirun: one of the processes themselves.
		{two + " WORLD_SIZE=16 RANK=9 LOCAL_RANK=1", launcher.Node{}, false},
		{two + " WORLD_SIZE=16 RANK=9 TORCHELASTIC_RUN_ID=a", launcher.Node{}, false},
		{two + " WORLD_SIZE=2 RANK=1", launcher.Node{}, false},
		{"PET_NNODES=1:4 PET_NPROC_PER_NODE=8 WORLD_SIZE=2 RANK=1", launcher.Node{}, false},
		// A PyTorchJob of Kubeflow's older operator says beside it which of its pods this is.
		{two + " PET_NPROC_PER_NODE=8 WORLD_SIZE=2 RANK=1 MASTER_ADDR=a MASTER_PORT=1", eight, true},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=auto PET_NODE_RANK=0 PET_MASTER_ADDR=a WORLD_SIZE=1 RANK=0 MASTER_ADDR=a MASTER_PORT=1", launcher.Node{Count: 1}, true},
		{two + " OMPI_COMM_WORLD_SIZE=2", launcher.Node{}, false},
	} {
		got, found, err := launcher.FindNode(environment(c.env))
		if err != nil || found != c.found || got != c.want {
			t.Errorf("%q: found %+v, %v, %v, expected %+v, %v", c.env, got, found, err, c.want, c.found)
		}
	}
	for env, says := range map[string]string{
		"PET_NNODES=two":               `PET_NNODES: found "two"`,
		"PET_NNODES=1:4":               `PET_NNODES: found "1:4"`,
		"PET_NNODES=0":                 `PET_NNODES: found "0"`,
		"PET_NNODES=2":                 `PET_NODE_RANK: found ""`,
		"PET_NNODES=2 PET_NODE_RANK=2": `PET_NODE_RANK: found "2", expected a number from 0 to 1`,
		"PET_NNODES=2 PET_NODE_RANK=0": `PET_MASTER_ADDR: found ""`,
		"PET_NNODES=2 PET_NODE_RANK=0 PET_MASTER_ADDR=a": `PET_MASTER_PORT: found ""`,
		two + "0000":                                             `PET_MASTER_PORT: found "294000000"`,
		"PET_NNODES=1 PET_NPROC_PER_NODE=-8":                     `PET_NPROC_PER_NODE: found "-8"`,
		"PET_NNODES=1 PET_NPROC_PER_NODE=tpu":                    `PET_NPROC_PER_NODE: found "tpu"`,
		"PET_NNODES=1 PET_NPROC_PER_NODE=9999999999999999999999": `PET_NPROC_PER_NODE: found "9999999999999999999999"`,
	} {
		if n, _, err := launcher.FindNode(environment(env)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: found %+v, %v, expected %q", env, n, err, says)
		}
	}
}
