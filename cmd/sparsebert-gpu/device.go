package main

import (
	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu"
)

// openBackend opens the device that a configuration names.
func openBackend(device, precision string, threads int) (backend.Backend, error) {
	switch device {
	case "auto", "cpu":
		if precision != "fp32" {
			return nil, usageError("precision: found %s, expected fp32 (the cpu device has no other)", precision)
		}
		return cpu.New(cpu.Options{Threads: threads})
	default:
		return nil, usageError("device: found %s, expected auto or cpu (this build has no GPU backend)", device)
	}
}
