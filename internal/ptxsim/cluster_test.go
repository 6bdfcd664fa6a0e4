package ptxsim

import (
	"errors"
	"strings"
	"testing"
)

// clusterKernel is a kernel for clusters of two blocks of 64 threads: r27 is the rank, r26 the other one, r28 the
// thread's word of buf, r25 that in the other block.
func clusterKernel(t *testing.T, body string) *Kernel {
	t.Helper()
	text := kernelText(withBarrier + `mov.u32 %r27, %cluster_ctarank; xor.b32 %r26, %r27, 1; mapa.shared::cluster.u32 %r25, %r28, %r26;
mov.u32 %r24, bar; mapa.shared::cluster.u32 %r23, %r24, %r26;` + body)
	m, err := Parse("cluster", strings.Replace(text, "{", ".explicitcluster .reqnctapercluster 2, 1, 1 {", 1))
	if err != nil {
		t.Fatal(err)
	}
	return m.Kernel(m.Kernels()[0])
}

const (
	clusterSync = " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; "
	toOther     = "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r23];"
	multicast   = `@!%p7 bra N; mbarrier.init.shared.b64 [bar], 1; mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256; fence.mbarrier_init.release.cluster; N:` + clusterSync + `
setp.ne.u32 %p6, %r27, 0; @%p6 bra W; @!%p7 bra W; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [buf], [%d0], 256, [bar], MASK;
W: mbarrier.try_wait.parity.shared.b64 %p1, [bar], 0; @!%p1 bra W;`
)

// Blocks of a cluster reach each other's shared memory, in order by what the cluster meets at.
func TestCluster(t *testing.T) {
	const own = "st.shared.u32 [%r28], %r27;"
	const read = "ld.shared::cluster.u32 %r1, [%r25];"
	const right = "setp.ne.u32 %p2, %r1, %r26; @%p2 trap;"
	for name, c := range map[string]struct {
		body string
		fail error
		says string
	}{
		"read of the other":               {own + clusterSync + read + right + clusterSync, nil, ""},
		"generic address":                 {own + clusterSync + "cvt.u64.u32 %d2, %r28; cvta.shared.u64 %d2, %d2; mapa.u64 %d2, %d2, %r26; ld.u32 %r1, [%d2];" + right + clusterSync, nil, ""},
		"no barrier before the read":      {own + read + clusterSync, ErrRace, "barrier.cluster is missing"},
		"barrier before the write":        {own + clusterSync + own + read + clusterSync, ErrRace, "buf+"},
		"relaxed barrier":                 {own + "barrier.cluster.arrive.relaxed; barrier.cluster.wait;" + read + clusterSync, ErrRace, "buf+"},
		"fence and relaxed barrier":       {own + "fence.acq_rel.cluster; barrier.cluster.arrive.relaxed; barrier.cluster.wait;" + read + right + clusterSync, nil, ""},
		"no barrier before the end":       {own + clusterSync + read, ErrRace, "a barrier.cluster is missing"},
		"no barrier before another write": {own + clusterSync + read + own, ErrRace, "buf+"},
		"write to the other":              {clusterSync + "st.shared::cluster.u32 [%r25], %r27;" + clusterSync + "ld.shared.u32 %r1, [%r28];" + right, nil, ""},
		"write to the other, unordered":   {own + clusterSync + "st.shared::cluster.u32 [%r25], 5; bar.sync 0; ld.shared.u32 %r1, [%r28];" + clusterSync, ErrRace, "block"},
		"atomics":                         {own + clusterSync + "red.shared::cluster.add.u32 [%r25], 1; red.shared.add.u32 [%r28], 1;" + clusterSync, nil, ""},
		"address of the block only":       {own + clusterSync + "ld.shared.u32 %r1, [%r25];" + clusterSync, ErrOutOfBounds, "shared memory"},
		"past the end of the other":       {own + clusterSync + "ld.shared::cluster.u32 %r1, [%r25+256];" + clusterSync, ErrOutOfBounds, "of block"},
		"rank too large":                  {clusterSync + "mapa.shared::cluster.u32 %r1, %r28, 2;", ErrOutOfBounds, "0 to 1"},
		"rank of an address":              {"getctarank.shared::cluster.u32 %r1, %r25;" + right, nil, ""},
		"wait without arrive":             {"barrier.cluster.wait;", ErrDivergent, "without a barrier.cluster.arrive"},
		"arrive twice":                    {"barrier.cluster.arrive; barrier.cluster.arrive;", ErrDivergent, "again"},
		"only one block waits":            {"setp.eq.u32 %p1, %r27, 0; @%p1 bra E; bar.sync 1, 96; E:" + clusterSync, ErrDivergent, "barrier 1"},
		"threads that have ended":         {"setp.lt.u32 %p1, %r30, 32; @%p1 bra B; setp.eq.u32 %p1, %r27, 0; @%p1 exit; B:" + clusterSync, nil, ""},
		"remote arrivals": {"@%p7 mbarrier.init.shared.b64 [bar], 64; " + clusterSync + "st.shared::cluster.u32 [%r25], %r27;" + toOther +
			"W: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %p1, [bar], 0; @!%p1 bra W; ld.shared.u32 %r1, [%r28];" + right + clusterSync, nil, ""},
		"remote arrivals before the write": {"@%p7 mbarrier.init.shared.b64 [bar], 64; " + clusterSync + toOther + "st.shared::cluster.u32 [%r25], %r27;" +
			"W: mbarrier.try_wait.parity.acquire.cluster.shared.b64 %p1, [bar], 0; @!%p1 bra W; ld.shared.u32 %r1, [%r28];" + clusterSync, ErrRace, ""},
		"flag in global memory": {own + "bar.sync 0; barrier.cluster.arrive.relaxed; barrier.cluster.wait; mov.u32 %r3, %ctaid.x; mul.wide.u32 %d2, %r3, 4; add.u64 %d2, %d2, %d0; xor.b32 %r3, %r3, 1; mul.wide.u32 %d3, %r3, 4; add.u64 %d3, %d3, %d0;" +
			"@%p7 st.release.cluster.global.u32 [%d2], 1; A: ld.acquire.cluster.global.u32 %r2, [%d3]; setp.eq.u32 %p1, %r2, 0; @%p1 bra A;" + read + right + clusterSync, nil, ""},
		"flag in the other's memory": {"@%p7 st.shared.u32 [%r24], 0;" + own + clusterSync + "st.shared.u32 [%r28], %r27; bar.sync 0; @%p7 st.release.cluster.shared::cluster.u32 [%r23], 1;" +
			"A: ld.acquire.cluster.shared.u32 %r2, [%r24]; setp.eq.u32 %p1, %r2, 0; @%p1 bra A;" + read + right + clusterSync, nil, ""},
		"relaxed flag": {"@%p7 st.shared.u32 [%r24], 0;" + own + clusterSync + "st.shared.u32 [%r28], %r27; bar.sync 0; @%p7 st.relaxed.cluster.shared::cluster.u32 [%r23], 1;" +
			"A: ld.acquire.cluster.shared.u32 %r2, [%r24]; setp.eq.u32 %p1, %r2, 0; @%p1 bra A;" + read + right + clusterSync, ErrRace, "buf+"},
		"multicast":                 {strings.Replace(multicast, "MASK", "3", 1) + "ld.shared.u32 %r1, [buf+252]; setp.ne.u32 %p2, %r1, 9; @%p2 trap;" + clusterSync, nil, ""},
		"multicast without a fence": {strings.NewReplacer("MASK", "3", "fence.mbarrier_init.release.cluster;", "").Replace(multicast) + clusterSync, ErrRace, "without a fence.mbarrier_init"},
		"multicast to one":          {strings.Replace(multicast, "MASK", "1", 1) + clusterSync, ErrDeadlock, "goes on"},
		"multicast to nobody":       {strings.Replace(multicast, "MASK", "4", 1) + clusterSync, ErrOutOfBounds, "multicast"},
		"coordinates":               {"mov.u32 %r1, %clusterid.x; mov.u32 %r2, %ctaid.x; shr.u32 %r2, %r2, 1; setp.ne.u32 %p1, %r1, %r2; @%p1 trap; mov.u32 %r1, %nclusterid.x; setp.ne.u32 %p1, %r1, 2; @%p1 trap; mov.u32 %r1, %cluster_nctarank; setp.ne.u32 %p1, %r1, 2; @%p1 trap; mov.u32 %r1, %cluster_ctaid.x; setp.ne.u32 %p1, %r1, %r27; @%p1 trap;", nil, ""},
		"two rounds of a barrier":   {own + clusterSync + clusterSync + clusterSync + read + right + clusterSync, nil, ""},
	} {
		k := clusterKernel(t, c.body)
		for _, seed := range []uint64{0, 1, 2} {
			d := NewDevice(Options{MaxInstructions: 1 << 18, Seed: seed})
			out := reserve(t, d, "out", 256)
			words := make([]byte, 256)
			words[252] = 9 // what a bulk copy of them brings
			if err := d.CopyIn(out, words); err != nil {
				t.Fatal(err)
			}
			_, err := d.Launch(t.Context(), k, Dim3{X: 4}, Dim3{X: 64}, 0, Addr(out))
			if !errors.Is(err, c.fail) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, seed %d: found %v, expected %v, %q", name, seed, err, c.fail, c.says)
			}
		}
	}
}

// A launch must be of whole clusters.
func TestClusterLaunch(t *testing.T) {
	d := NewDevice(Options{})
	out := reserve(t, d, "out", 256)
	_, err := d.Launch(t.Context(), clusterKernel(t, ""), Dim3{X: 3}, Dim3{X: 64}, 0, Addr(out))
	if !errors.Is(err, ErrLaunch) || !strings.Contains(err.Error(), "multiple of the cluster (2,1,1)") {
		t.Errorf("3 blocks in clusters of 2: %v", err)
	}
}

// Global memory is asked once for what comes to several blocks.
func TestMulticastCounters(t *testing.T) {
	d := NewDevice(Options{})
	out := reserve(t, d, "out", 256)
	k := clusterKernel(t, strings.Replace(multicast, "MASK", "3", 1)+clusterSync)
	got, err := d.Launch(t.Context(), k, Dim3{X: 4}, Dim3{X: 64}, 0, Addr(out))
	if err != nil {
		t.Fatal(err)
	}
	if got.GlobalLoadBytes != 2*256 || got.GlobalLoadSectors != 2*256/32 {
		t.Errorf("found %d bytes in %d sectors for a copy in each of two clusters, expected %d in %d", got.GlobalLoadBytes, got.GlobalLoadSectors, 2*256, 2*256/32)
	}
}
