package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
	core "k8s.io/api/core/v1"
	jobset "sigs.k8s.io/jobset/api/jobset/v1alpha2"
)

// read decodes all manifests.
func read(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../examples/kubernetes/*.yaml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("found manifests %v (%v), expected at least 2", paths, err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}

// each calls use with every object of every manifest.
func each(t *testing.T, use func(file string, object any)) {
	t.Helper()
	for file, text := range read(t) {
		objects, err := Decode([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, object := range objects {
			use(file, object)
		}
	}
}

func TestManifests(t *testing.T) {
	found := map[string]int{}
	claims, mounted := []string{}, []string{}
	check := func(file string, pod core.PodSpec) {
		for _, v := range pod.Volumes {
			if v.PersistentVolumeClaim != nil {
				mounted = append(mounted, v.PersistentVolumeClaim.ClaimName)
			}
			for _, c := range pod.Containers {
				if !slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return m.Name == v.Name }) {
					t.Errorf("%s: container %s: found volume %s not mounted", file, c.Name, v.Name)
				}
			}
		}
	}
	each(t, func(file string, object any) {
		switch o := object.(type) {
		case *core.PersistentVolumeClaim:
			claims = append(claims, o.Name)
			if o.Spec.Resources.Requests.Storage().IsZero() {
				t.Errorf("%s: found no storage requested", file)
			}
		case *jobset.JobSet:
			found["JobSet"]++
			for _, r := range o.Spec.ReplicatedJobs {
				job := r.Template.Spec
				check(file, job.Template.Spec)
				// The number of shards stands in the command, too.
				words := strings.Join(job.Template.Spec.Containers[0].Args, " ")
				if of := regexp.MustCompile(`/(\d+)"`).FindStringSubmatch(words); of == nil || job.Completions == nil || *job.Completions != *job.Parallelism || of[1] != string(rune('0'+*job.Completions)) {
					t.Errorf("%s: found shards %v in %s, expected as many as completions", file, of, words)
				}
				if job.PodFailurePolicy != nil && job.Template.Spec.RestartPolicy != core.RestartPolicyNever {
					t.Errorf("%s: found restartPolicy %s, expected Never, which a podFailurePolicy needs", file, job.Template.Spec.RestartPolicy)
				}
			}
		case *trainer.TrainingRuntime:
			found["TrainingRuntime "+o.Name]++
			for _, r := range o.Spec.Template.Spec.ReplicatedJobs {
				check(file, r.Template.Spec.Template.Spec)
			}
		case *trainer.TrainJob:
			found["TrainJob of "+*o.Spec.RuntimeRef.Kind+" "+o.Spec.RuntimeRef.Name]++
			if o.Spec.Trainer == nil || o.Spec.Trainer.ResourcesPerNode == nil {
				t.Errorf("%s: found no trainer with resources", file)
			}
		}
	})
	for _, want := range []string{"JobSet", "TrainingRuntime sparsebert", "TrainJob of TrainingRuntime sparsebert"} {
		if found[want] != 1 {
			t.Errorf("found %v, expected one %s", found, want)
		}
	}
	slices.Sort(claims)
	slices.Sort(mounted)
	if !slices.Equal(claims, mounted) {
		t.Errorf("found claims %v and mounted %v, expected the same", claims, mounted)
	}
}

// The commands are ones that the program understands.
func TestCommands(t *testing.T) {
	bin := t.TempDir()
	program := filepath.Join(bin, "real")
	build := exec.Command("go", "build", "-o", program, "./cmd/sparsebert-gpu")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(bin, "sparsebert-gpu"), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tried := 0
	try := func(file string, command, args []string) {
		if len(command) == 0 {
			return
		}
		tried++
		cmd := exec.Command(command[0], append(command[1:len(command):len(command)], args...)...)
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "JOB_COMPLETION_INDEX=2"}
		out, err := cmd.CombinedOutput()
		words := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || len(words) < 3 {
			t.Fatalf("%s: found %q (%v), expected the program to be called", file, out, err)
		}
		help, err := exec.Command(program, words[0], "--help").Output()
		if err != nil {
			t.Fatalf("%s: %s --help: %v", file, words[0], err)
		}
		for _, word := range words {
			if strings.HasPrefix(word, "--") && !regexp.MustCompile(word+`[ ,]`).Match(help) {
				t.Errorf("%s: found %s, expected a flag of %s", file, word, words[0])
			}
		}
		if words[0] == "sweep" && !slices.Contains(words, "3/4") {
			t.Errorf("%s: found %v, expected shard 3/4 of the pod with index 2", file, words)
		}
	}
	each(t, func(file string, object any) {
		switch o := object.(type) {
		case *jobset.JobSet:
			c := o.Spec.ReplicatedJobs[0].Template.Spec.Template.Spec.Containers[0]
			try(file, c.Command, c.Args)
		case *trainer.TrainJob:
			try(file, o.Spec.Trainer.Command, o.Spec.Trainer.Args)
		}
	})
	if tried != 2 {
		t.Errorf("found %d commands, expected 2", tried)
	}
}

// Each kind of fault is found.
func TestPlantedFaults(t *testing.T) {
	texts := read(t)
	for name, c := range map[string]struct{ file, from, to, want string }{
		"JobSet's own":     {"sweep-jobset.yaml", "maxRestarts: 3", "maxRestart: 3", `unknown field "spec.failurePolicy.maxRestart"`},
		"Job's":            {"sweep-jobset.yaml", "completionMode:", "completionmodes:", `unknown field "spec.replicatedJobs[0].template.spec.completionmodes"`},
		"capital letters":  {"sweep-jobset.yaml", "backoffLimit:", "backofflimit:", `unknown field "spec.replicatedJobs[0].template.spec.backofflimit"`},
		"Pod's":            {"sweep-jobset.yaml", "mountPath:", "mount:", `unknown field "spec.replicatedJobs[0].template.spec.template.spec.containers[0].volumeMounts[0].mount"`},
		"another type":     {"sweep-jobset.yaml", "parallelism: 4", "parallelism: four", "cannot unmarshal string"},
		"twice":            {"sweep-jobset.yaml", "parallelism: 4", "parallelism: 4\n          parallelism: 4", `key "parallelism" already set`},
		"no quantity":      {"sweep-jobset.yaml", "memory: 32Gi", "memory: much", "quantities must match"},
		"another kind":     {"sweep-jobset.yaml", "kind: JobSet", "kind: JobSets", `found "jobset.x-k8s.io/v1alpha2 JobSets"`},
		"another version":  {"train-trainjob.yaml", "trainer.kubeflow.org/v1alpha1", "trainer.kubeflow.org/v2", `found "trainer.kubeflow.org/v2 TrainingRuntime"`},
		"TrainJob's":       {"train-trainjob.yaml", "resourcesPerNode:", "resources:", `unknown field "spec.trainer.resources"`},
		"runtime's policy": {"train-trainjob.yaml", "mlPolicy:", "policy:", `unknown field "spec.policy"`},
		"claim's":          {"train-trainjob.yaml", "accessModes:", "access:", `unknown field "spec.access"`},
	} {
		text := strings.Replace(texts[c.file], c.from, c.to, 1)
		if text == texts[c.file] {
			t.Errorf("%s: found no %q in %s to change", name, c.from, c.file)
		}
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected an error with %s", name, err, c.want)
		}
	}
}
