package host

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"strconv"
	"strings"
)

// FreeMemory returns the bytes of memory that this process may still take without
// being ended for it: the least of what the system calls available, what the limits of
// its cgroups leave, and what its address-space limit leaves. It is -1 where none is
// known.
func FreeMemory() int64 {
	free := int64(-1)
	least := func(n int64) {
		if n >= 0 && (free < 0 || n < free) {
			free = n
		}
	}
	least(available(read("/proc/meminfo")))
	for _, g := range cgroups(read("/proc/self/cgroup")) {
		least(left(read(g.limit), read(g.used)))
	}
	least(addressSpace(read("/proc/self/limits"), read("/proc/self/statm")))
	return free
}

func read(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil // not on this system
	}
	return text
}

// available reads the line MemAvailable, in KiB; -1 where there is none.
func available(meminfo []byte) int64 {
	lines := bufio.NewScanner(bytes.NewReader(meminfo))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemAvailable:" {
			return scaled(fields[1], 1<<10)
		}
	}
	return -1
}

// cgroup names the files with a cgroup's limit and with what it uses.
type cgroup struct{ limit, used string }

// cgroups lists the cgroups, of version 2 and 1, that a process is in and those above.
// In a container the first may not be there, and the root is the container's.
func cgroups(self []byte) []cgroup {
	var out []cgroup
	for line := range strings.Lines(string(self)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, limit, used := "/sys/fs/cgroup", "memory.max", "memory.current"
		if parts[1] != "" {
			if parts[1] != "memory" {
				continue
			}
			root, limit, used = "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			out = append(out, cgroup{path.Join(root, dir, limit), path.Join(root, dir, used)})
			if dir == "/" {
				break
			}
		}
	}
	return out
}

// left is what a limit leaves, -1 where there is none ("max", or no number).
func left(limit, used []byte) int64 {
	most, now := scaled(strings.TrimSpace(string(limit)), 1), scaled(strings.TrimSpace(string(used)), 1)
	if most < 0 || now < 0 {
		return -1
	}
	return max(0, most-now)
}

// addressSpace is what the soft limit of the address space leaves, -1 where it is
// unlimited. statm begins with the pages that are mapped.
func addressSpace(limits, statm []byte) int64 {
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max address space"); ok {
			fields, mapped := strings.Fields(rest), strings.Fields(string(statm))
			if len(fields) == 0 || len(mapped) == 0 {
				return -1
			}
			most, now := scaled(fields[0], 1), scaled(mapped[0], int64(os.Getpagesize()))
			if most < 0 || now < 0 {
				return -1
			}
			return max(0, most-now)
		}
	}
	return -1
}

// scaled reads a whole number of units, -1 where the text is none.
func scaled(text string, unit int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<63-1)/unit {
		return -1
	}
	return n * unit
}
