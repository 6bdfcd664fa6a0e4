package train

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

// ownSettings are those that may differ between the processes of a run, beside paths: how
// this one works, what it tells and where. The instruction path that it came to is
// compared, whichever way it was asked for.
var ownSettings = []string{
	"threads", "peak", "cpu_path", "ptx", "output_dir", "metrics_addr", "on_event", "max_time", "quiet", "json_logs",
}

// fact is what must be the same in all processes of a run.
type fact struct{ Key, Value string }

// facts lists them for a run that is ready to begin.
func (r *runner) facts() ([]fact, error) {
	out := []fact{{"program version", version.Full()}, {"Go version", runtime.Version() + " " + runtime.GOARCH}}
	for _, s := range settings.All() {
		if s.Path || slices.Contains(ownSettings, s.Key) {
			continue
		}
		text, err := s.Text(&r.plan.Config)
		if err != nil {
			return nil, err
		}
		out = append(out, fact{s.Key, text})
	}
	f, b := r.plan.Text.Fingerprint, r.model.Backend()
	bits := b.Capabilities().Bits
	if bits == "" {
		bits = b.Describe()
	}
	return append(out,
		fact{"corpus", f.Train}, fact{"valid", f.Valid}, fact{"vocab", f.Vocab}, fact{"test", f.Test},
		fact{"finished steps", fmt.Sprint(r.done)}, fact{"device", b.Name()}, fact{pathFact, bits}), nil
}

// pathFact is the key of the instruction path.
const pathFact = "arithmetic of the device"

// compare compares what must be the same in all processes before the first step: facts,
// then weights and topology.
func (r *runner) compare() error {
	if r.group == nil {
		return nil
	}
	own, err := r.facts()
	if err := r.agree(err); err != nil {
		return err
	}
	text, err := json.Marshal(own)
	if err := r.agree(err); err != nil {
		return err
	}
	length := []int64{int64(len(text))}
	if err := r.group.Broadcast(0, collective.Bytes(length)); err != nil {
		return err
	}
	first := make([]byte, length[0])
	copy(first, text)
	if err := r.group.Broadcast(0, first); err != nil {
		return err
	}
	if err := r.agree(compareFacts(own, first)); err != nil {
		return err
	}
	return r.sameState()
}

// compareFacts compares this process's facts with those of rank 0.
func compareFacts(own []fact, text []byte) error {
	var first []fact
	if err := json.Unmarshal(text, &first); err != nil {
		return fmt.Errorf("facts of rank 0: %w", err)
	}
	for i, f := range own {
		if i >= len(first) || first[i].Key != f.Key { // which another version has
			return usage.Errorf("%s: found a setting that rank 0 does not have, expected the same program", f.Key)
		}
		if first[i].Value == f.Value {
			continue
		}
		remedy := ""
		if f.Key == pathFact {
			remedy = "; on CPUs --cpu-path names one that all have"
		}
		return usage.Errorf("%s: found %s, expected %s as rank 0 has%s", f.Key, f.Value, first[i].Value, remedy)
	}
	return nil
}
