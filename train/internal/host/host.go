// Package host asks the system what a run wants to know of it.
package host

import (
	"os"
	"strings"
)

// CPUName returns the processor's name, "" where the system does not tell it.
func CPUName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
