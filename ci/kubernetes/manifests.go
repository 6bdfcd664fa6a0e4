// Package manifests decodes the manifests of examples/kubernetes as the Kubernetes API would. It is
// a module of its own, so that the program's does not depend on the Go types of Kubernetes, JobSet
// and Kubeflow Trainer. `go test` in this folder reads the manifests; the nightly workflow runs it.
package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	trainer "github.com/kubeflow/trainer/v2/pkg/apis/trainer/v1alpha1"
	core "k8s.io/api/core/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	jobset "sigs.k8s.io/jobset/api/jobset/v1alpha2"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// kinds are the types that a manifest may have, by apiVersion and kind.
var kinds = map[string]func() any{
	"v1 PersistentVolumeClaim":                      func() any { return new(core.PersistentVolumeClaim) },
	"jobset.x-k8s.io/v1alpha2 JobSet":               func() any { return new(jobset.JobSet) },
	"trainer.kubeflow.org/v1alpha1 TrainJob":        func() any { return new(trainer.TrainJob) },
	"trainer.kubeflow.org/v1alpha1 TrainingRuntime": func() any { return new(trainer.TrainingRuntime) },
}

// Decode reads the documents of a file of YAML strictly: a field that its type does not have, a key
// given twice and a value of another type are errors that name the document.
func Decode(text []byte) ([]any, error) {
	var out []any
	reader := documents.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(document, &head); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		kind := head.APIVersion + " " + head.Kind
		if kinds[kind] == nil {
			return nil, fmt.Errorf("document %d: found %q, expected the apiVersion and kind of a type that is known here", n, kind)
		}
		into := kinds[kind]()
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, fmt.Errorf("document %d, %s: %w", n, head.Kind, err)
		}
		unknown, err := json.UnmarshalStrict(text, into) // as the API does, capital letters too
		if err = errors.Join(append(unknown, err)...); err != nil {
			return nil, fmt.Errorf("document %d, %s: %w", n, head.Kind, err)
		}
		out = append(out, into)
	}
}
