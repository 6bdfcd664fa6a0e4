package host

import (
	"runtime"
	"slices"
	"testing"
)

func TestFreeMemory(t *testing.T) {
	free := FreeMemory()
	if runtime.GOOS == "linux" && free <= 0 || free < -1 {
		t.Errorf("found %d bytes free", free)
	}
}

func TestAvailable(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal: 24684084 kB\nMemFree: 5 kB\nMemAvailable:   3 kB\n": 3 << 10, "": -1, "MemAvailable: x kB\n": -1,
	} {
		if got := available([]byte(text)); got != want {
			t.Errorf("%q: found %d, expected %d", text, got, want)
		}
	}
}

func TestCgroups(t *testing.T) {
	got := cgroups([]byte("0::/a/b\n"))
	want := []cgroup{
		{"/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/b/memory.current"},
		{"/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/a/memory.current"},
		{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, expected %v", got, want)
	}
	got = cgroups([]byte("5:cpu:/x\n4:memory:/\n"))
	if !slices.Equal(got, []cgroup{{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
		t.Errorf("version 1: found %v", got)
	}
}

func TestLeft(t *testing.T) {
	for _, c := range []struct {
		limit, used string
		want        int64
	}{{"100\n", "30\n", 70}, {"100", "130", 0}, {"max\n", "30\n", -1}, {"", "", -1}, {"100", "", -1}} {
		if got := left([]byte(c.limit), []byte(c.used)); got != c.want {
			t.Errorf("%q, %q: found %d, expected %d", c.limit, c.used, got, c.want)
		}
	}
}

func TestAddressSpace(t *testing.T) {
	const head = "Limit                     Soft Limit           Hard Limit           Units     \n"
	limited := head + "Max address space         6144000000           unlimited            bytes     \n"
	if got := addressSpace([]byte(limited), []byte("0 1 2\n")); got != 6144000000 {
		t.Errorf("found %d, expected the limit", got)
	}
	if got := addressSpace([]byte(limited), []byte("9999999999 1 2\n")); got != 0 {
		t.Errorf("found %d, expected 0", got)
	}
	if got := addressSpace([]byte(head+"Max address space         unlimited            unlimited            bytes     \n"), []byte("1\n")); got != -1 {
		t.Errorf("found %d, expected -1", got)
	}
}
