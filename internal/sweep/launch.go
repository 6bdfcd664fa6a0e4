package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Launcher starts the runs of a sweep as jobs of a scheduler, through a command such as srun that
// ends when the job does. A job is told to save and to end by SIGUSR1, which srun and mpirun hand
// on; the launcher and what it starts on its machine get it as a process group.
type Launcher struct {
	text    string
	command []string // the launcher
	job     []string // the program, which is to be called with the name of a run at its end
}

// NewLauncher reads a launcher's command, words with spaces between them, for jobs that are job
// with the name of a run after it.
func NewLauncher(text string, job []string) (*Launcher, error) {
	command := strings.Fields(text)
	if len(command) == 0 {
		return nil, usage.Errorf("--launcher: found no command, expected one such as \"srun -n1\"")
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return nil, usage.Errorf("--launcher: found no program %s (%v), expected one that starts the command that follows it", command[0], errors.Unwrap(err))
	}
	return &Launcher{text: strings.Join(command, " "), command: command, job: job}, nil
}

// stopCodes are the exit codes of a job that was stopped after saving.
var stopCodes = map[int]bool{75: true, 129: true, 130: true, 143: true}

// lookEvery is the time between two looks whether a job goes on without its launcher, goesOnAfter
// the time after which this is worth a word, tellEvery the time between two signals to a job that
// is to end.
const (
	lookEvery   = 100 * time.Millisecond
	goesOnAfter = 10 * time.Second
	tellEvery   = 3 * time.Second
)

// ended is how a job has ended.
type ended struct {
	state string // such as exit status 1
	code  int    // the launcher's exit code, which is the job's; -1: a signal ended the launcher
	began bool   // this program was started as the job
	last  string // the last line on standard error, this program's before a launcher's
}

// jobStopped is the error of a job that ended with one of stopCodes though this process did not
// ask for it: a scheduler's time is over.
type jobStopped int

// Error says so.
func (code jobStopped) Error() string {
	return fmt.Sprintf("its job was stopped after saving (exit code %d), and the sweep with it; the same command goes on", int(code))
}

// Is makes it an end by the clock, after which one tries again.
func (jobStopped) Is(target error) bool {
	return target == train.ErrStopped || target == train.ErrTimeUp
}

// launch makes a run as a job and waits for its end. An error ends the sweep. s.mu is held, but not
// meanwhile.
func (s *Sweep) launch(ctx context.Context, r *Run, c claim) error {
	s.launched[r] = true
	s.Watch.Launched(r)
	s.mu.Unlock()
	job, err := s.runJob(ctx, r, c)
	s.mu.Lock()
	if err != nil {
		return ofRun(r, err)
	}
	return errors.Join(s.change(func() { err = s.judge(ctx, r, job) }), err)
}

// judge says what the end of a job means whose result may be there. s.mu is held.
func (s *Sweep) judge(ctx context.Context, r *Run, job ended) error {
	said := job.state
	if job.last != "" {
		said += ": " + job.last
	}
	switch {
	case s.results[r.Name] != nil:
		return nil
	case ctx.Err() != nil:
		return ofRun(r, fmt.Errorf("%w: %w", train.ErrStopped, context.Cause(ctx)))
	case stopCodes[job.code]:
		return ofRun(r, jobStopped(job.code))
	case !job.began:
		return ofRun(r, fmt.Errorf("launched by %q, its job ended before it began: %s", s.Launch.text, said))
	}
	result := &Result{Name: r.Name, Group: r.Group, Role: r.role(), Status: Failed, Error: "the job ended without a result: " + oneLine(errors.New(said))}
	config, err := settings.Encode(&r.Config)
	if err != nil {
		return ofRun(r, err)
	}
	result.Config = config
	s.results[r.Name] = result
	s.Watch.Finished(r, *result, true)
	return nil
}

// runJob starts a job for a run, hands on what it says, tells it to end when ctx does, and
// returns when it has ended.
func (s *Sweep) runJob(ctx context.Context, r *Run, c claim) (ended, error) {
	path := s.lockPath(r.Name + jobLock)
	// What the claim holds last is the job's own lock.
	if err := errors.Join(os.Truncate(path, 0), c[len(c)-1].Unlock()); err != nil {
		return ended{}, err
	}
	words := append(append(s.Launch.command[:len(s.Launch.command):len(s.Launch.command)], s.Launch.job...), r.Name)
	cmd := exec.Command(words[0], words[1:]...)
	ownGroup(cmd)
	said := &lines{tell: func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.Watch.Warned(fmt.Sprintf("run %s: %s", r.Name, logHead.ReplaceAllString(line, "")))
	}}
	cmd.Stderr = said
	cmd.WaitDelay = goesOnAfter // for what a launcher leaves behind with its standard error
	if err := cmd.Start(); err != nil {
		return ended{}, fmt.Errorf("start the launcher %q: %w", s.Launch.text, err)
	}
	exited := make(chan struct{})
	go tellToEnd(ctx, cmd.Process, exited)
	err := cmd.Wait()
	close(exited)
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed && !errors.Is(err, exec.ErrWaitDelay) {
		return ended{}, fmt.Errorf("wait for the launcher %q: %w", s.Launch.text, err)
	}
	for began := clock.Now(); checkpoint.HeldFile(path); time.Sleep(lookEvery) {
		if !began.IsZero() && clock.Since(began) > goesOnAfter {
			said.tell("its launcher has ended, but its job goes on: waiting for it")
			began = time.Time{}
		}
	}
	who, err := os.ReadFile(path)
	if err != nil {
		return ended{}, fmt.Errorf("see whether the job began: %w", err)
	}
	return ended{state: cmd.ProcessState.String(), code: cmd.ProcessState.ExitCode(), began: len(who) > 0, last: said.end()}, nil
}

// tellToEnd tells a launcher and its job to end when ctx does, and again until it has: one that is
// only starting its job may not hand on the first signal.
func tellToEnd(ctx context.Context, leader *os.Process, exited <-chan struct{}) {
	select {
	case <-exited:
		return
	case <-ctx.Done():
	}
	for {
		endGroup(leader)
		select {
		case <-exited:
			return
		case <-time.After(tellEvery):
		}
	}
}

// logHead is what a job's log lines begin with; the sweep's have their own.
var logHead = regexp.MustCompile(`^\d\d:\d\d:\d\d [A-Z]{3} `)

// lines hands on what is written line by line.
type lines struct {
	tell func(line string)
	part []byte // of a line that is not whole
	last string
	ours bool // last is this program's
}

// ownHead is what the line begins with in which this program says why it ends.
const ownHead = "sparsebert-gpu: "

// longest is how much of a line is handed on.
const longest = 4096

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		l.part = append(l.part, line[:min(len(line), longest-len(l.part))]...)
		if !whole {
			return n, nil
		}
		l.flush()
		p = rest
	}
}

// flush hands on the line that there is.
func (l *lines) flush() {
	line := strings.TrimSpace(strings.ToValidUTF8(string(l.part), "?"))
	l.part = l.part[:0]
	if line == "" {
		return
	}
	l.tell(line)
	if said, ours := strings.CutPrefix(line, ownHead); ours || !l.ours {
		l.last, l.ours = said, ours // a launcher may have more to say when this program has said why
	}
}

// end hands on what is left, and returns the last line, this program's if it said why it ends.
func (l *lines) end() string {
	l.flush()
	return l.last
}
