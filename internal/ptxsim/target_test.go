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

// Integers and floating-point numbers are in registers of their kind, or in untyped ones, as ptxas has it.
func TestRegisterTypes(t *testing.T) {
	for body, right := range map[string]bool{
		"add.s32 %u1, %s1, %u2;": true, "add.u32 %b1, %u1, %b2;": true, "add.f32 %b1, %f1, %b2;": true, "and.b32 %f1, %f2, %u1;": true,
		"mov.b32 %f1, %u1;": true, "mov.f32 %b1, %f1;": true, "st.global.b32 [%d0], %f1;": true, "selp.b32 %f1, %f2, %f3, 1;": true, "shl.b32 %f1, %f2, 3;": true,
		"shfl.sync.bfly.b32 %f1, %f2, 1, 31, -1;": true,
		"add.s32 %f1, %u1, %u2;":                  false, "add.s32 %u1, %u2, %f1;": false, "add.f32 %u1, %f1, %f2;": false, "mov.u32 %f1, %u1;": false, "mov.f32 %u1, %f1;": false,
		"ld.global.u32 %f1, [%d0];": false, "ld.global.f32 %u1, [%d0];": false, "ld.global.u8 %f1, [%d0];": false, "ld.global.b32 %u1, [%e1];": false,
		"st.global.u32 [%d0], %f1;": false, "st.global.f32 [%d0], %s1;": false, "selp.u32 %f1, %f2, %f3, 1;": false, "setp.lt.s32 %p1, %f1, %f2;": false,
		"cvt.rn.f32.s32 %u1, %s1;": false, "cvt.rn.f32.s32 %f1, %f2;": false, "shl.b32 %u1, %u2, %f3;": false, "atom.global.add.f32 %u1, [%d0], %f1;": false,
		"mad.wide.s32 %e1, %s1, %s2, %d0;": false,
	} {
		const registers = ".reg .b32 %b<4>; .reg .u32 %u<4>; .reg .s32 %s<4>; .reg .f32 %f<4>; .reg .f64 %e<4>; "
		_, err := Parse("t", kernelText(registers+body))
		if right && err != nil || !right && !errors.Is(err, ErrLoad) {
			t.Errorf("%s: found %v, expected that it is right: %v", body, err, right)
		}
	}
}

// What ptxas refuses of modifiers and types is refused.
func TestModifiersOfPtxas(t *testing.T) {
	for body, says := range map[string]string{
		"fma.f32 %f1, %f2, %f3, %f1;":            "rounding",
		"mad.f32 %f1, %f2, %f3, %f1;":            "rounding",
		"fma.f16 %h1, %h2, %h3, %h1;":            ".rn",
		"div.rn.sat.f32 %f1, %f2, %f3;":          ".sat",
		"rcp.approx.sat.f32 %f1, %f2;":           ".sat",
		"ld.global.f16 %h1, [%d0];":              "type .f16",
		"st.global.bf16 [%d0], %h1;":             "type .bf16",
		"ld.acquire.global.u32 %r1, [%d0];":      "scope",
		"st.relaxed.global.u32 [%d0], %r1;":      "scope",
		"ld.gpu.global.u32 %r1, [%d0];":          "scope",
		"ld.volatile.cta.global.u32 %r1, [%d0];": "scope",
		"st.global.nc.u32 [%d0], %r1;":           ".nc",
		"add.f32 %f1, %f2, 1;":                   "a literal", "mov.u32 %r1, 0f3F800000;": "a literal", "st.global.v2.f32 [%d0], {1, 2};": "a literal",
		"ld.shared.nc.u32 %r1, [%r2];": ".nc", "ld.global.nc.volatile.u32 %r1, [%d0];": ".nc",
		"ld.u32 %r1, [%r2];": "64 of a generic address",
		"wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.f16 {%f0, %f1, %f2, %f3}, %d5, %d6, 1, 1, 1, 0, 0;": "different types",
	} {
		if _, err := Parse("t", kernelText(".reg .f32 %f<4>; "+body)); !errors.Is(err, ErrLoad) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: found %v, expected %s", body, err, says)
		}
	}
}
