package ptxsim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// An instruction is refused for a target that does not have it, as ptxas refuses it.
func TestTargets(t *testing.T) {
	names := []string{"sm_70", "sm_75", "sm_80", "sm_90", "sm_90a"}
	for body, lowest := range map[string]string{
		"add.f16x2 %r1, %r2, %r3;":                               "sm_70",
		"fma.rn.f16 %h1, %h2, %h3, %h4;":                         "sm_70",
		"tanh.approx.f32 %r1, %r2;":                              "sm_75",
		"ex2.approx.f16 %h1, %h2;":                               "sm_75",
		"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r1}, [%r2];": "sm_75",
		"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%r7}, {%r1, %r2, %r3, %r4};":                   "sm_75",
		"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%r7}, {%r1, %r2, %r3, %r4};":                 "sm_80",
		"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r1, %r2, %r3, %r4}, {%r5, %r6, %r7, %r8}, {%r9, %r10}, {%r1, %r2, %r3, %r4};": "sm_80",
		"cp.async.commit_group;":                            "sm_80",
		"redux.sync.add.u32 %r1, %r2, -1;":                  "sm_80",
		"fma.rn.bf16x2 %r1, %r2, %r3, %r4;":                 "sm_80",
		"max.NaN.f32 %r1, %r2, %r3;":                        "sm_80",
		"cvt.rn.bf16x2.f32 %r1, %r2, %r3;":                  "sm_80",
		"cvt.f32.bf16 %r1, %h1;":                            "sm_80",
		"cvt.rna.tf32.f32 %r1, %r2;":                        "sm_80",
		"mbarrier.arrive.shared.b64 %d1, [%r1];":            "sm_80",
		"mbarrier.test_wait.shared.b64 %p1, [%r1], %d1;":    "sm_80",
		"mbarrier.arrive.shared.b64 %d1, [%r1], 2;":         "sm_90",
		"mbarrier.try_wait.shared.b64 %p1, [%r1], %d1;":     "sm_90",
		"mbarrier.arrive.expect_tx.shared.b64 _, [%r1], 2;": "sm_90",
		"cvt.rn.tf32.f32 %r1, %r2;":                         "sm_90",
		"cvt.rzi.s32.bf16 %r1, %h1;":                        "sm_90",
		"add.bf16x2 %r1, %r2, %r3;":                         "sm_90",
		"ex2.approx.ftz.bf16 %h1, %h2;":                     "sm_90",
		"red.global.add.v2.f32 [%d0], {%r1, %r2};":          "sm_90",
		"fence.acq_rel.cluster;":                            "sm_90",
		"fence.proxy.async.shared::cta;":                    "sm_90",
		"cp.async.bulk.commit_group;":                       "sm_90",
		"elect.sync %r1|%p1, -1;":                           "sm_90",
		"mapa.shared::cluster.u32 %r1, %r2, %r3;":           "sm_90",
		"barrier.cluster.arrive;":                           "sm_90",
		"mov.u32 %r1, %cluster_ctarank;":                    "sm_90",
		"wgmma.fence.sync.aligned;":                         "sm_90a",
		"setmaxnreg.dec.sync.aligned.u32 40;":               "sm_90a",
	} {
		allowed := false
		for _, name := range names {
			allowed = allowed || name == lowest
			_, err := Parse("t", strings.Replace(kernelText(body), ".target sm_90a", ".target "+name, 1))
			if allowed && err != nil || !allowed && (!errors.Is(err, ErrLoad) || !strings.Contains(err.Error(), "needs .target "+lowest+", found "+name)) {
				t.Errorf("%s for %s: found %v, expected it from %s on", body, name, err, lowest)
			}
		}
	}
	for text, says := range map[string]string{
		".version 8.4 .target compute_90 .entry k() { ret; }":                   "target compute_90",
		".version 8.4 .entry k() { ret; }":                                      "no .target",
		".version 8.4 .target sm_80 .entry k() .reqnctapercluster 2 { ret; }":   ".reqnctapercluster needs .target sm_90",
		".version 8.4 .target sm_100a .entry k() { wgmma.fence.sync.aligned; }": "needs .target sm_90a, found sm_100a",
	} {
		if _, err := Parse("t", text); !errors.Is(err, ErrLoad) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: found %v, expected %s", text, err, says)
		}
	}
}

// sm_80 runs on newer GPUs, sm_90a on one kind.
func TestTargetRunsOn(t *testing.T) {
	got := ""
	for _, target := range []Target{{80, false}, {90, false}, {90, true}} {
		for _, cc := range []int{70, 80, 86, 90, 100, 120} {
			if target.RunsOn(cc/10, cc%10) {
				got += fmt.Sprintf("%v on %d; ", target, cc)
			}
		}
	}
	if want := "sm_80 on 80; sm_80 on 86; sm_80 on 90; sm_80 on 100; sm_80 on 120; sm_90 on 90; sm_90 on 100; sm_90 on 120; sm_90a on 90; "; got != want {
		t.Errorf("found %q, expected %q", got, want)
	}
}
