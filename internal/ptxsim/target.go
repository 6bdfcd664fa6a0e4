package ptxsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Target is a .target of PTX text: sm_80 runs on compute capability 8.0 and newer ones, sm_90a on 9.0 alone.
type Target struct {
	Arch  int // ten times the compute capability
	Exact bool
}

// String returns the name that PTX has for it.
func (t Target) String() string {
	if t.Exact {
		return fmt.Sprintf("sm_%da", t.Arch)
	}
	return fmt.Sprintf("sm_%d", t.Arch)
}

// RunsOn says whether a GPU of a compute capability runs code for the target.
func (t Target) RunsOn(major, minor int) bool {
	if cc := 10*major + minor; t.Exact {
		return cc == t.Arch
	} else {
		return cc >= t.Arch
	}
}

// has says whether code for t may have what needs o. Without a target it may; what lacks one is refused elsewhere.
func (t Target) has(o Target) bool {
	return t.Arch == 0 || t.Arch >= o.Arch && (!o.Exact || t == o)
}

// Target returns the .target of the module.
func (m *Module) Target() Target { return m.target }

// target reads what follows .target.
func (p *parser) target(line int) {
	name := p.word("a target").text
	number, exact := strings.CutSuffix(strings.TrimPrefix(name, "sm_"), "a")
	arch, err := strconv.Atoi(number)
	if err != nil || !strings.HasPrefix(name, "sm_") {
		p.fail(line, "target %s, expected sm_ and a number", name)
	}
	p.mod.target = Target{arch, exact}
	for p.accept(",") {
		p.word("a target")
	}
}

// clusterDirective fails where the target has no clusters.
func (p *parser) clusterDirective(t token) {
	if need := (Target{90, false}); !p.mod.target.has(need) {
		p.fail(t.line, "directive %s needs .target %v, found %v", t.text, need, p.mod.target)
	}
}

// targetRule says from which target on instructions exist that have all of some modifiers.
type targetRule struct {
	ops  string // names with a space between; "": any
	mods string // the same
	need Target
}

// targetRules are from the notes on targets in the PTX manual; of several that hold all count.
var targetRules = []targetRule{
	{"wgmma setmaxnreg", "", Target{90, true}}, {"tensormap", "replace", Target{90, true}}, {"tensormap", "", Target{90, false}},
	{"cp", "bulk", Target{90, false}}, {"cp", "async", Target{80, false}},
	{"mbarrier", "", Target{80, false}}, {"mbarrier", "try_wait", Target{90, false}}, {"mbarrier", "expect_tx", Target{90, false}},
	{"", "cluster", Target{90, false}}, {"", "shared::cluster", Target{90, false}}, {"", "multicast::cluster", Target{90, false}},
	{"elect stmatrix mapa getctarank griddepcontrol", "", Target{90, false}},
	{"fence", "proxy async", Target{90, false}}, {"fence", "proxy tensormap::generic", Target{90, false}}, {"fence", "mbarrier_init", Target{90, false}},
	{"ldmatrix", "", Target{75, false}}, {"redux createpolicy applypriority", "", Target{80, false}}, {"", "L2::cache_hint", Target{80, false}},
	{"mma", "m16n8k8", Target{75, false}}, {"mma", "m16n8k16", Target{80, false}}, {"mma", "m16n8k4", Target{80, false}},
	{"", "bf16", Target{80, false}}, {"", "bf16x2", Target{80, false}}, {"", "tf32", Target{80, false}},
	{"add sub mul set setp tanh ex2 atom red", "bf16", Target{90, false}}, {"add sub mul set setp tanh ex2 atom red", "bf16x2", Target{90, false}},
	{"atom red", "v2", Target{90, false}}, {"atom red", "v4", Target{90, false}}, {"atom red", "v8", Target{90, false}},
	{"tanh", "", Target{75, false}}, {"ex2", "f16", Target{75, false}}, {"ex2", "f16x2", Target{75, false}},
	{"cvt", "tf32 rn", Target{90, false}}, {"cvt", "tf32 rz", Target{90, false}}, {"cvt", "f16x2", Target{80, false}},
	{"", "relu", Target{80, false}}, {"min max", "NaN", Target{80, false}},
}

// needs returns the target that an instruction needs.
func (in *inst) needs() (need Target) {
	for _, r := range targetRules {
		if r.ops != "" && !slices.Contains(strings.Fields(r.ops), in.op) {
			continue
		}
		all := true
		for _, m := range strings.Fields(r.mods) {
			all = all && slices.Contains(in.mods, m)
		}
		if all && (r.need.Arch > need.Arch || r.need.Exact) {
			need = r.need
		}
	}
	has := func(m string) bool { return slices.Contains(in.mods, m) }
	hopper := in.op == "cvt" && has("bf16") && !has("f32") ||
		in.op == "mbarrier" && has("arrive") && len(in.args) == 3 && !has("noComplete")
	for _, o := range in.args {
		hopper = hopper || (o.kind == opSpecial || o.kind == opName) && strings.HasPrefix(o.name, "%") && strings.Contains(o.name, "cluster")
	}
	if hopper && need.Arch < 90 {
		need = Target{90, false}
	}
	return need
}
