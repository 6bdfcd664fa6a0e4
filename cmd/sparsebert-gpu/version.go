package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is stamped by ci/build-cuda.sh.
var version string

// buildVersion is the stamped version, or the one that Go knows.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// describeVersion is what --version prints after the program's name.
func describeVersion() string {
	build := "plain build"
	if hasCUDA {
		build = "build for NVIDIA GPUs"
	}
	return fmt.Sprintf("%s (%s, %s)", buildVersion(), build, runtime.Version())
}
