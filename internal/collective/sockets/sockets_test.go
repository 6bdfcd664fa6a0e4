package sockets

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/collectivetest"
	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// freePort is an address that nothing listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// together meets and joins as size ranks, each in a goroutine, and runs f on each.
func together(t *testing.T, size int, timeout time.Duration, f func(c *group.Comm, conns []net.Conn) error) []error {
	t.Helper()
	address := freePort(t)
	errs := make([]error, size)
	var wait sync.WaitGroup
	for rank := range size {
		wait.Go(func() {
			errs[rank] = func() error {
				conns, err := Meet(t.Context(), Meeting{Rank: rank, Size: size, Address: address, Run: "a", Timeout: 20 * time.Second})
				if err != nil {
					return err
				}
				c, err := Join(rank, conns, timeout)
				if err != nil {
					return err
				}
				return f(c, conns)
			}()
		})
	}
	wait.Wait()
	return errs
}

func TestSuite(t *testing.T) {
	for _, size := range []int{1, 2, 4} {
		for rank, err := range together(t, size, time.Minute, func(c *group.Comm, _ []net.Conn) error {
			if err := collectivetest.Run(c); err != nil {
				return err
			}
			if c.Local() != c.Rank() {
				return fmt.Errorf("found number %d on this host, expected that of rank %d", c.Local(), c.Rank())
			}
			if inOrder, err := c.Depart(); err != nil || !inOrder {
				return fmt.Errorf("departed: in order %v, %w", inOrder, err)
			}
			return nil
		}) {
			if err != nil {
				t.Errorf("rank %d of %d: %v", rank, size, err)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	for _, k := range collectivetest.Faults() {
		for rank, err := range together(t, 3, 300*time.Millisecond, func(c *group.Comm, _ []net.Conn) error { return k.Run(c) }) {
			if err != nil {
				t.Errorf("%s: rank %d: %v", k.Name, rank, err)
			}
		}
	}
}

// More bytes than may lie in a port arrive, also at a rank that comes to its part late.
func TestLongMessages(t *testing.T) {
	for rank, err := range together(t, 2, time.Minute, func(c *group.Comm, _ []net.Conn) error {
		n := 3*ahead + 1
		send, recv := [][]byte{nil, nil}, [][]byte{nil, nil}
		other := 1 - c.Rank()
		send[other], recv[other] = make([]byte, n), make([]byte, n)
		for i := 0; i+8 <= n; i += 8 {
			binary.LittleEndian.PutUint64(send[other][i:], uint64(i*2+c.Rank()))
		}
		if c.Rank() == 1 {
			time.Sleep(100 * time.Millisecond)
		}
		if err := c.AllToAll(send, recv); err != nil {
			return err
		}
		for i := 0; i+8 <= n; i += 8 {
			if found := binary.LittleEndian.Uint64(recv[other][i:]); found != uint64(i*2+other) {
				return fmt.Errorf("byte %d: found %d", i, found)
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
}

// A rank whose connections end without a word is named at once, with what it did last.
func TestLostRank(t *testing.T) {
	begin := time.Now()
	for rank, err := range together(t, 3, time.Minute, func(c *group.Comm, conns []net.Conn) error {
		c.Note("step 5")
		if err := c.Barrier(); err != nil {
			return err
		}
		if c.Rank() == 2 {
			for _, conn := range conns[:2] {
				conn.Close()
			}
			return nil
		}
		return c.Barrier()
	}) {
		if rank < 2 && (err == nil || !strings.Contains(err.Error(), "has ended without a word, or its connection has (last: barrier of step 5)") || !strings.Contains(err.Error(), "rank 2 on ")) {
			t.Errorf("rank %d: found %v, expected that rank 2 is named", rank, err)
		}
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("found %v until the others knew, expected no waiting for the timeout", took)
	}
}

func TestByEnvironment(t *testing.T) {
	place := launcher.Place{Launcher: "a launcher", Variable: "WORLD_SIZE=4", Size: 4, Rank: 1, Local: 1}
	env := map[string]string{"MASTER_ADDR": "n1", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "x"}
	getenv := func(name string) string { return env[name] }
	m, err := ByEnvironment(getenv, place, time.Second)
	if want := (Meeting{1, 4, "n1:29500", "x", time.Second}); err != nil || m != want {
		t.Errorf("found %+v, %v, expected %+v", m, err, want)
	}
	env["TORCHELASTIC_USE_AGENT_STORE"] = "True"
	if m, err := ByEnvironment(getenv, place, time.Second); err != nil || m.Address != "n1:29501" {
		t.Errorf("torchrun listens itself: found %+v, %v, expected the next port", m, err)
	}
	env["MASTER_ADDR"] = "[fd00::1]"
	if m, err := ByEnvironment(getenv, place, time.Second); err != nil || m.Address != "[fd00::1]:29501" {
		t.Errorf("an address of IPv6 as in a URL: found %+v, %v", m, err)
	}
	for _, c := range []struct{ name, value, says string }{
		{"MASTER_ADDR", "[n1]:29500", `MASTER_ADDR: found "[n1]:29500", expected the host of rank 0`},
		{"MASTER_ADDR", "", `a launcher started 4 processes (WORLD_SIZE=4): MASTER_ADDR: found "", expected the host of rank 0`},
		{"MASTER_PORT", "", `MASTER_PORT: found "", expected a port from 1 to 65535`},
		{"MASTER_PORT", "70000", `MASTER_PORT: found "70000"`},
	} {
		before := env[c.name]
		env[c.name] = c.value
		if _, err := ByEnvironment(getenv, place, time.Second); !usage.Is(err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s=%s: found %v, expected %s", c.name, c.value, err, c.says)
		}
		env[c.name] = before
	}
	place.Rank = -1
	env["RANK"] = "4"
	if _, err := ByEnvironment(getenv, place, time.Second); !usage.Is(err) || !strings.Contains(err.Error(), `RANK: found "4", expected a number from 0 to 3`) {
		t.Errorf("found %v, expected that the rank is out of range", err)
	}
}

// What is wrong with a meeting is said in one line by whom it concerns, in time.
func TestMeetingRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		visitor Meeting // what it has other than rank 1 of 2
		says    string  // by the visitor
		waits   string  // by rank 0
	}{
		"size": {Meeting{Size: 4}, "rank 0 refuses: found a process of 4 (WORLD_SIZE), expected one of 2 as rank 0 says", "found a process of 4"},
		"run":  {Meeting{Run: "b"}, `found a process of another run, "b", expected "a" (TORCHELASTIC_RUN_ID)`, "waiting for rank 1; the last that was refused came from 127.0.0.1:"},
	} {
		address := freePort(t)
		v := Meeting{Rank: 1, Size: 2, Address: address, Run: "a", Timeout: 10 * time.Second}
		if c.visitor.Size != 0 {
			v.Size = c.visitor.Size
		}
		if c.visitor.Run != "" {
			v.Run = c.visitor.Run
		}
		var hosts error
		var wait sync.WaitGroup
		wait.Go(func() {
			_, hosts = Meet(t.Context(), Meeting{Rank: 0, Size: 2, Address: address, Run: "a", Timeout: time.Second})
		})
		_, err := Meet(t.Context(), v)
		wait.Wait()
		if !usage.Is(err) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "rank 1: ") {
			t.Errorf("%s: found %v, expected %s", name, err, c.says)
		}
		if hosts == nil || !strings.Contains(hosts.Error(), "timed out after 1s") || !strings.Contains(hosts.Error(), c.waits) {
			t.Errorf("%s: rank 0: found %v, expected %s", name, hosts, c.waits)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Meet(t.Context(), Meeting{Size: 2, Address: taken.Addr().String(), Timeout: time.Second}); !usage.Is(err) || !strings.Contains(err.Error(), "found the port in use") {
		t.Errorf("found %v, expected that the port is in use", err)
	}
	go func() { // another program
		for c, err := taken.Accept(); err == nil; c, err = taken.Accept() {
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\n\n"))
			c.Close()
		}
	}()
	if _, err := Meet(t.Context(), Meeting{Rank: 1, Size: 2, Address: taken.Addr().String(), Timeout: time.Second}); err == nil || !strings.Contains(err.Error(), "another program listens there") {
		t.Errorf("found %v, expected that another program is there", err)
	}
	if _, err := Meet(t.Context(), Meeting{Rank: 1, Size: 2, Address: freePort(t), Timeout: 300 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "waiting for rank 0") {
		t.Errorf("found %v, expected that rank 0 is waited for", err)
	}
	stopped := errors.New("told to stop")
	ctx, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { stop(stopped) })
	if _, err := Meet(ctx, Meeting{Size: 2, Address: freePort(t), Timeout: time.Minute}); !errors.Is(err, stopped) {
		t.Errorf("found %v, expected the context's cause", err)
	}
}

// A rank that comes twice is refused, and whoever knocks without a word does no harm.
func TestMeetingOfStrangers(t *testing.T) {
	address := freePort(t)
	errs := make([]error, 3)
	var wait sync.WaitGroup
	for rank := range 3 {
		wait.Go(func() {
			time.Sleep(time.Duration(rank) * 200 * time.Millisecond)
			_, errs[rank] = Meet(t.Context(), Meeting{Rank: rank, Size: 3, Address: address, Timeout: 20 * time.Second})
		})
	}
	time.Sleep(300 * time.Millisecond)
	mute, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if _, err := Meet(t.Context(), Meeting{Rank: 1, Size: 3, Address: address, Timeout: 10 * time.Second}); err == nil || !strings.Contains(err.Error(), "a second time") {
		t.Errorf("found %v, expected that rank 1 has come before", err)
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

// A message that is none breaks the group, and says whose it was.
func TestBadMessage(t *testing.T) {
	for _, b := range [][]byte{{9, 0, 0, 0, 1, 0, 0, 0}, {1, 0, 0, 0, 0, 0, 0, 255}} {
		here, there := net.Pipe()
		p := NewPort(0, []net.Conn{nil, here})
		if _, err := there.Write(b); err != nil {
			t.Fatal(err)
		}
		var err error
		for begin := time.Now(); err == nil && time.Since(begin) < 10*time.Second; time.Sleep(time.Millisecond) {
			_, err = p.Done(nil)
		}
		if err == nil || !strings.Contains(err.Error(), "from rank 1: found a message of tag") {
			t.Errorf("%v: found %v", b, err)
		}
	}
}

// FuzzGet: no line brings a rank down, and a hello that is not refused has a rank of the meeting.
func FuzzGet(f *testing.F) {
	f.Add(`{"program":"sparsebert-gpu","rank":1,"size":2,"port":9}` + "\n")
	f.Add("\n")
	f.Add(`{"rank":1e99}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		var h hello
		if get(strings.NewReader(text), &h) != nil {
			return
		}
		m := Meeting{Size: 2}
		h.Version = m.hello(0).Version
		if m.refuses(h, make([]net.Conn, 2)) == "" && (h.Rank != 1 || h.Size != 2 || h.Port < 1) {
			t.Errorf("%q: took %+v", text, h)
		}
	})
}
