package main

import (
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// How many processes are started follows from what is given now, then from the launcher, then from the
// run that is resumed.
func TestToStart(t *testing.T) {
	one := launcher.Node{Count: 1}
	for _, c := range []struct {
		env   string
		given bool
		n     int
		node  launcher.Node
	}{
		{"", false, 4, one},
		{"", true, 4, one},
		{"PMI_SIZE=2", false, 1, one},
		{"PMI_SIZE=2", true, 0, one}, // refused
		{"WORLD_SIZE=2 RANK=0", false, 1, one},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=8", false, 8, launcher.Node{Count: 1, Each: 8}},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=8", true, 4, launcher.Node{Count: 1, Each: 8}},
		{"PET_NNODES=1 PET_NPROC_PER_NODE=8 PET_MASTER_ADDR=a WORLD_SIZE=8 RANK=0", false, 8, launcher.Node{Count: 1, Each: 8}},
	} {
		t.Run(c.env, func(t *testing.T) {
			for pair := range strings.FieldsSeq(c.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			config := train.DefaultConfig()
			config.Device, config.Processes = "cpu", 4 // as the file of the run says
			if c.given {
				config.Given = []string{"processes"}
			}
			if n, node, err := toStart(config); (err != nil) != (c.n == 0) || n != c.n || err == nil && node != c.node {
				t.Errorf("given %v: found %d, %+v, %v, expected %d, %+v", c.given, n, node, err, c.n, c.node)
			}
		})
	}
}
