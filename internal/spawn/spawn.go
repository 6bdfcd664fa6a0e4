// Package spawn starts several processes of this program on this machine, as the ranks of one run, with
// a connection between each two of them (package sockets), or as those of one node among several.
package spawn

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/sockets"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

// Processes are those to be started.
type Processes struct {
	Number int
	// Node is this machine among several, on each of which as many are started; the zero value: the only
	// one. The processes of several meet at its address.
	Node launcher.Node
	// Program and Args are the command line of each, Args without the program's name.
	Program string
	Args    []string
	// Stdout is what rank 0 writes to; what the others write there is dropped. Stderr is for all.
	Stdout, Stderr io.Writer
	// Patience is how long the others may take to end after one has failed, or rank 0 has ended; they are
	// killed then. Failed says whether a process that ends with an exit code has.
	Patience time.Duration
	Failed   func(code int) bool
}

// forwarded are the signals that are handed on to rank 0, which tells the others.
var forwarded = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1}

// Run starts the processes, hands on signals, and waits until all have ended. It returns the exit code of
// rank 0, or where that is 0 the first other one. An error says that a process could not be started, or
// that a signal killed one before another had failed; the code is 1 then.
//
// Each finds its place in RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE, as those of torchrun do, and
// its connections by [sockets.Inherit], or by [sockets.Meet] where there are several nodes. On Linux the
// system kills them when this process ends. Of several nodes rank 0 is here the first on this one.
func (p Processes) Run() (code int, err error) {
	signals := make(chan os.Signal, 8)
	for _, s := range forwarded {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	files := make([][]*os.File, p.Number)
	if p.Node.Count <= 1 {
		files, err = sockets.Pairs(p.Number)
	}
	defer func() {
		for _, row := range files {
			for _, f := range row {
				if f != nil {
					_ = f.Close()
				}
			}
		}
	}()
	if err != nil {
		return 1, err
	}
	children := make([]*exec.Cmd, p.Number)
	ended := make(chan end)
	for rank := range children {
		children[rank] = p.command(rank, files[rank])
		started := make(chan error)
		go func() {
			runtime.LockOSThread() // the end of this thread would be the end of its children
			err := children[rank].Start()
			started <- err
			if err == nil {
				ended <- end{rank, children[rank].Wait()}
			}
		}()
		if err := <-started; err != nil {
			for _, c := range children[:rank] {
				_ = c.Process.Kill()
				<-ended
			}
			return 1, fmt.Errorf("start process %d of %d: %w", rank+1, p.Number, err)
		}
		for _, f := range files[rank] {
			if f != nil {
				_ = f.Close() // the child has it: others are to see when it ends
			}
		}
	}
	return p.wait(children, ended, signals)
}

// end is a process that has ended.
type end struct {
	rank int
	err  error
}

// wait is the second half of Run.
func (p Processes) wait(children []*exec.Cmd, ended <-chan end, signals <-chan os.Signal) (code int, err error) {
	codes := make([]int, len(children))
	var tooLate <-chan time.Time // runs once one has failed, or rank 0 has ended
	failed, killed := false, false
	alive := make([]bool, len(children))
	for i := range alive {
		alive[i] = true
	}
	for left := len(children); left > 0; {
		select {
		case s := <-signals:
			for i, c := range children {
				if alive[i] { // rank 0, or where that has ended the next
					_ = c.Process.Signal(s)
					break
				}
			}
		case <-tooLate:
			for i, c := range children {
				if !alive[i] {
					continue
				}
				if !failed { // what is wrong with it is nothing that others have told
					fmt.Fprintf(p.Stderr, "sparsebert-gpu: rank %d (process %d) has not ended %v after rank 0: killed\n", p.rank(i), c.Process.Pid, p.Patience)
				}
				_ = c.Process.Kill()
			}
			killed = !failed
		case e := <-ended:
			left--
			alive[e.rank] = false
			state := children[e.rank].ProcessState
			if killed { // rank 0 has ended in order
				continue
			}
			codes[e.rank] = state.ExitCode()
			if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				codes[e.rank] = 1
				if !failed {
					err = fmt.Errorf("rank %d (process %d) was killed by the signal %q", p.rank(e.rank), state.Pid(), status.Signal())
				}
			}
			failed = failed || p.Failed(codes[e.rank])
			if tooLate == nil && (failed || e.rank == 0) {
				tooLate = time.After(p.Patience)
			}
		}
	}
	for _, c := range codes {
		if code == 0 {
			code = c
		}
	}
	return code, err
}

// rank is that of a process here among those of all nodes.
func (p Processes) rank(here int) int { return p.Node.Rank*p.Number + here }

// command is the process of a rank, whose connections are files.
func (p Processes) command(rank int, files []*os.File) *exec.Cmd {
	cmd := exec.Command(p.Program, p.Args...)
	cmd.Stderr = p.Stderr
	if rank == 0 {
		cmd.Stdin, cmd.Stdout = os.Stdin, p.Stdout
	}
	env := append(launcher.Outside(os.Environ()),
		fmt.Sprintf("RANK=%d", p.rank(rank)), fmt.Sprintf("WORLD_SIZE=%d", max(1, p.Node.Count)*p.Number),
		fmt.Sprintf("LOCAL_RANK=%d", rank), fmt.Sprintf("LOCAL_WORLD_SIZE=%d", p.Number))
	if p.Node.Count > 1 {
		// No torchrun listens there: rank 0 itself does.
		env = append(env, sockets.AddressVariable+"="+p.Node.Address, sockets.PortVariable+"="+p.Node.Port, sockets.StoreVariable+"=False", sockets.Variable+"="+sockets.None)
	} else {
		env = append(env, sockets.Variable+"="+hand(cmd, files))
	}
	cmd.Env, cmd.SysProcAttr = env, dieWithParent()
	return cmd
}

// hand gives files to a process, and returns their numbers there.
func hand(cmd *exec.Cmd, files []*os.File) string {
	const first = 3 // after the standard ones
	numbers := make([]string, len(files))
	for i, f := range files {
		numbers[i] = "0"
		if f != nil {
			numbers[i] = fmt.Sprint(first + len(cmd.ExtraFiles))
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
	}
	return strings.Join(numbers, ",")
}
