package train

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train/internal/folder"
	"github.com/sparsebert/sparsebert-gpu/train/internal/host"
)

// Files of a run folder.
const (
	ConfigName      = folder.ConfigName      // the resolved configuration
	EnvironmentName = folder.EnvironmentName // the Environment of the run's first process
	StatusName      = folder.StatusName      // a Status
	TextName        = folder.TextName        // a TextFile
)

// defaultOutputDir names a new run folder for a configuration.
func defaultOutputDir(c Config, now time.Time) string {
	name := now.Format("20060102-150405") + "-" + c.Model + "-" + c.Method.String()
	if c.Method != model.Dense {
		name += fmt.Sprintf("-s%g-b%d", c.Sparsity, c.BlockSize)
	}
	return filepath.Join("runs", name)
}

// describe writes the files that describe a run, which device computes. That of the
// environment stays as the run's first process wrote it.
func (r *runner) describe(device string) error {
	now := environment(device)
	if err := r.begin(now); err != nil {
		return err
	}
	config, err := r.plan.Config.ofRun().Encode()
	if err != nil {
		return err
	}
	env, err := json.MarshalIndent(now, "", "  ")
	if err != nil {
		return fmt.Errorf("encode environment: %w", err)
	}
	text, err := json.MarshalIndent(TextFile{r.plan.Text.Fingerprint, &r.plan.Text.UnigramEntropy}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode fingerprints: %w", err)
	}
	if err := r.folder.Describe(config, append(env, '\n'), append(text, '\n'), r.plan.data.vocab); err != nil {
		return err
	}
	return r.report(StateRunning, "")
}

// ofRun is the configuration without what is of this process alone, not of a run that is
// made from it: a folder from elsewhere starts no command and opens no port.
func (c Config) ofRun() Config {
	c.Resume, c.MetricsAddr, c.OnEvent, c.MaxTime = false, "", "", ""
	return c
}

// Environment records where and how a run was made.
type Environment struct {
	Started   string   `json:"started"`
	Command   []string `json:"command"`
	Version   string   `json:"version"`  // of the program
	Revision  string   `json:"revision"` // the commit, "" where the build does not know it
	Modified  bool     `json:"modified"` // files differed from the commit
	GoVersion string   `json:"go_version"`
	System    string   `json:"system"`
	CPU       string   `json:"cpu"`
	Cores     int      `json:"cores"`
	Device    string   `json:"device"`
}

// environment collects it.
func environment(device string) Environment {
	e := Environment{
		Started: time.Now().UTC().Format(time.RFC3339), Command: os.Args,
		GoVersion: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: host.CPUName(), Cores: runtime.NumCPU(), Device: device, Version: version.Number,
	}
	e.Revision, e.Modified = version.Build()
	return e
}

// ReadRunConfig reads the resolved configuration of a run folder.
func ReadRunConfig(dir string) (Config, error) {
	c := DefaultConfig()
	path := filepath.Join(dir, ConfigName)
	err := ReadConfigFile(path, &c)
	if info, gone := os.Stat(path); err == nil && gone == nil && info.Size() == 0 {
		err = usage.Errorf("%s: found an empty file, expected the configuration that the run wrote", path)
	}
	c.resolveEvalBatches()    // which old files may not have
	c.Given, c.pin = nil, nil // the file has every setting, whoever gave it
	return c, err
}
