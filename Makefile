# Each target is one script of ci/; `make` alone lists them.
.PHONY: help test lint kernels bench docs

help:
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile

test: ## every test, with Go alone
	ci/test.sh

lint: ## go vet, staticcheck, builds for the other systems
	ci/lint.sh

kernels: ## PTX and launchers against the CUDA sources, with nvcc
	ci/kernels.sh

bench: ## the three products and a training step on this machine, timed
	ci/bench.sh

docs: ## links of the Markdown pages, and the commands in them
	ci/docs.sh
