package sockets

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
)

// FuzzPort: no bytes bring a rank down. At their end it learns that the other one is gone, or that what
// came was no message.
func FuzzPort(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c', 2, 0, 0, 0, 1, 0, 0, 0, 'd'})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{2, 0, 0, 0, 255, 255, 15, 0, 1})
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 0})
	f.Add(append([]byte{1, 0, 0, 0, 128, 0, 0, 0}, group.Lost()...))
	f.Fuzz(func(t *testing.T, data []byte) {
		here, there := net.Pipe()
		p := NewPort(1, []net.Conn{here, nil})
		go func() {
			_, _ = there.Write(data)
			there.Close()
		}()
		head := make([]byte, 4096)
		for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Microsecond) {
			if err := p.Receive(0, 0, group.HeadTag, head); err != nil {
				t.Fatal(err)
			}
			for {
				slots, err := p.Done(nil)
				if err != nil {
					return
				}
				if len(slots) > 0 {
					break
				}
				time.Sleep(10 * time.Microsecond)
			}
			if group.IsFarewell(head) {
				return
			}
			clear(head)
		}
		t.Errorf("%q: found no end", data)
	})
}

// FuzzByEnvironment: whatever the variables say, a meeting has an address, and an error is one line.
func FuzzByEnvironment(f *testing.F) {
	f.Add("n1", "29500", "True")
	f.Add("::1", "65535", "True")
	f.Add("", "-1", "")
	f.Fuzz(func(t *testing.T, host, port, store string) {
		env := map[string]string{"MASTER_ADDR": host, "MASTER_PORT": port, "TORCHELASTIC_USE_AGENT_STORE": store}
		m, err := ByEnvironment(func(name string) string { return env[name] }, launcher.Place{Launcher: launcher.Other, Size: 2, Rank: 1}, time.Second)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("found an error of several lines: %q", err)
			}
			return
		}
		_, p, err := net.SplitHostPort(m.Address)
		if err != nil || p == "0" || p == "" {
			t.Errorf("%q, %q: found address %q, %v", host, port, m.Address, err)
		}
	})
}
