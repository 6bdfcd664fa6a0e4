package sockets

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A rank waits for others longer than a stranger may take to say who it is.
func TestLateRank(t *testing.T) {
	before := answerTime
	answerTime = 100 * time.Millisecond
	t.Cleanup(func() { answerTime = before })
	address := freePort(t)
	var wait sync.WaitGroup
	for rank := range 4 {
		wait.Go(func() {
			time.Sleep(time.Duration(rank) * 4 * answerTime)
			if _, err := Meet(t.Context(), Meeting{Rank: rank, Size: 4, Address: address, Timeout: 20 * time.Second}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// A rank on the machine of rank 0 may reach that by a loopback address, since some systems give their
// own name one. Ranks of other machines are not sent there.
func TestRankBesideRank0(t *testing.T) {
	const other = "127.0.0.2" // an address of this machine that is not the one by which rank 1 came
	if l, err := net.Listen("tcp", net.JoinHostPort(other, "0")); err != nil {
		t.Skip("this system has one loopback address only")
	} else {
		l.Close()
	}
	_, port, err := net.SplitHostPort(freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for rank := range 2 {
		wait.Go(func() {
			if _, err := Meet(t.Context(), Meeting{Rank: rank, Size: 3, Address: "0.0.0.0:" + port, Timeout: 10 * time.Second}); err != nil {
				t.Error(err)
			}
		})
	}
	c, err := dial(within(t, 10*time.Second), net.JoinHostPort(other, port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var w welcome
	if err := put(c, Meeting{Rank: 2, Size: 3}.hello(1)); err != nil {
		t.Fatal(err)
	}
	if err := get(c, &w); err != nil || len(w.Addresses) != 3 {
		t.Fatalf("found %+v, %v", w, err)
	}
	at := fromRank0(w.Addresses[1], c)
	if !strings.HasPrefix(at, other+":") {
		t.Errorf("found rank 1 at %s, expected it at %s, where rank 2 has reached its machine", at, other)
	}
	to, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := put(to, greeting{w.Token, 2}); err != nil {
		t.Fatal(err)
	}
	wait.Wait()
}

// A rank that has ended and was started again is met.
func TestRankStartedAgain(t *testing.T) {
	address := freePort(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := Meet(t.Context(), Meeting{Rank: 0, Size: 3, Address: address, Timeout: 10 * time.Second}); err != nil {
			t.Error(err)
		}
	})
	c, err := dial(within(t, 10*time.Second), address)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(c, Meeting{Rank: 1, Size: 3}.hello(1)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // rank 0 has heard it
	c.Close()
	for rank := 1; rank < 3; rank++ {
		wait.Go(func() {
			if _, err := Meet(t.Context(), Meeting{Rank: rank, Size: 3, Address: address, Timeout: 10 * time.Second}); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(50 * time.Millisecond)
	}
	wait.Wait()
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "127.0.1.1": true, "::1": true, "::ffff:127.0.0.1": true, "10.0.0.1": false, "n1": false, "": false, "fe80::1%eth0": false} {
		if isLoopback(host) != want {
			t.Errorf("%q: expected %v", host, want)
		}
	}
	for address, want := range map[string]bool{"localhost:1": true, "[::1]:1": true, "127.0.1.1:1": true, "n1:1": false, "0.0.0.0:1": false} {
		if (Meeting{Address: address}).oneMachine() != want {
			t.Errorf("%q: expected %v", address, want)
		}
	}
}

// within is a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), d)
	t.Cleanup(stop)
	return ctx
}
