package sockets

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/collective/group"
	"github.com/sparsebert/sparsebert-gpu/internal/launcher"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/internal/version"
)

// Meeting is where and as what a process meets the others of its run.
type Meeting struct {
	Rank, Size int
	Address    string // of rank 0, host:port
	Run        string // which run: processes of others are refused
	Timeout    time.Duration
}

// Variables that torchrun sets, beside those of package launcher.
const (
	AddressVariable = "MASTER_ADDR"
	PortVariable    = "MASTER_PORT"
	runVariable     = "TORCHELASTIC_RUN_ID"
	// StoreVariable is True where torchrun itself listens at MASTER_PORT, for the workers of all machines
	// (torch/distributed/rendezvous.py, _create_c10d_store). Rank 0 then takes the next port.
	StoreVariable = "TORCHELASTIC_USE_AGENT_STORE"
)

// ByEnvironment returns the meeting that the variables of torchrun describe, for a process at that place.
// An error is one of package usage and names the variable.
func ByEnvironment(getenv func(string) string, p launcher.Place, timeout time.Duration) (Meeting, error) {
	missing := func(name, expected string) (Meeting, error) {
		return Meeting{}, usage.Errorf("%s: %s: found %q, expected %s, as torchrun sets it", p, name, getenv(name), expected)
	}
	if p.Rank < 0 {
		return missing("RANK", fmt.Sprintf("a number from 0 to %d", p.Size-1))
	}
	host := getenv(AddressVariable)
	if inner, ok := strings.CutPrefix(host, "["); ok { // an address of IPv6, as in a URL
		host = strings.TrimSuffix(inner, "]")
	}
	if host == "" || strings.ContainsAny(host, " \t\n/[]") {
		return missing(AddressVariable, "the host of rank 0")
	}
	port, err := strconv.Atoi(getenv(PortVariable))
	if err != nil || port < 1 || port > 65535 {
		return missing(PortVariable, "a port from 1 to 65535")
	}
	if getenv(StoreVariable) == "True" {
		port = port%65535 + 1
	}
	return Meeting{Rank: p.Rank, Size: p.Size, Address: net.JoinHostPort(host, strconv.Itoa(port)), Run: getenv(runVariable), Timeout: timeout}, nil
}

// answerTime is in which whoever connects says who it is. Tests set less.
var answerTime = 10 * time.Second

// again is between two tries to reach rank 0.
const again = 100 * time.Millisecond

// hello is what a process says to rank 0.
type hello struct {
	Program string `json:"program"`
	Version string `json:"version"`
	Run     string `json:"run"`
	Rank    int    `json:"rank"`
	Size    int    `json:"size"`
	Port    int    `json:"port"` // where it listens for ranks above its own
}

// welcome is what rank 0 answers.
type welcome struct {
	Refused   string   `json:"refused,omitempty"`
	Token     string   `json:"token,omitempty"`     // which the ranks show each other
	Addresses []string `json:"addresses,omitempty"` // where each rank listens; without a host: at that of rank 0
}

// greeting is what a rank says to another than 0.
type greeting struct {
	Token string `json:"token"`
	Rank  int    `json:"rank"`
}

const program = "sparsebert-gpu"

func (m Meeting) hello(port int) hello {
	return hello{program, version.Full(), m.Run, m.Rank, m.Size, port}
}

// refuses says why a process that says hello is none of this meeting, "" if it is one.
func (m Meeting) refuses(h hello, seen []net.Conn) string {
	switch own := m.hello(0); {
	case h.Program != own.Program:
		return fmt.Sprintf("found a process that is no %s", program)
	case h.Version != own.Version:
		return fmt.Sprintf("found version %s, expected %s as rank 0 has", line(h.Version), own.Version)
	case h.Run != own.Run:
		return fmt.Sprintf("found a process of another run, %q, expected %q (%s)", h.Run, own.Run, runVariable)
	case h.Size != own.Size:
		return fmt.Sprintf("found a process of %d (WORLD_SIZE), expected one of %d as rank 0 says", h.Size, own.Size)
	case h.Rank < 1 || h.Rank >= own.Size:
		return fmt.Sprintf("found rank %d (RANK), expected 1 to %d", h.Rank, own.Size-1)
	case h.Port < 1 || h.Port > 65535:
		return fmt.Sprintf("found port %d, expected 1 to 65535", h.Port)
	case seen[h.Rank] != nil:
		return fmt.Sprintf("found rank %d (RANK) a second time, expected each once: another run has the same %s and %s", h.Rank, AddressVariable, PortVariable)
	}
	return ""
}

// Meet returns the connections to all other ranks, by rank; that of this one is nil. It takes the
// timeout at most.
func Meet(ctx context.Context, m Meeting) ([]net.Conn, error) {
	timed, stop := context.WithTimeout(ctx, m.Timeout)
	defer stop()
	meet := m.visit
	if m.Rank == 0 {
		meet = m.host
	}
	conns, err := meet(timed)
	if err != nil {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("rank %d: meeting the other processes at %s: %w", m.Rank, m.Address, err)
	}
	for _, c := range conns {
		if c != nil {
			if err := c.SetDeadline(time.Time{}); err != nil {
				return nil, err
			}
		}
	}
	return conns, nil
}

// guest is who has come to a listener, or that it listens no more.
type guest[T any] struct {
	conn net.Conn
	said T
	err  error
}

// guests accepts connections and has each say who it is, until the context ends.
func guests[T any](ctx context.Context, l net.Listener) <-chan guest[T] {
	out := make(chan guest[T])
	tell := func(g guest[T]) {
		select {
		case out <- g:
		case <-ctx.Done():
			if g.conn != nil {
				_ = g.conn.Close()
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				tell(guest[T]{err: err})
				return
			}
			go func() {
				g := guest[T]{conn: c}
				if until(ctx, c, answerTime) != nil || get(c, &g.said) != nil || until(ctx, c, forever) != nil {
					_ = c.Close() // whoever knocks and says nothing
					return
				}
				tell(g)
			}()
		}
	}()
	return out
}

// host is Meet of rank 0.
func (m Meeting) host(ctx context.Context) ([]net.Conn, error) {
	conns := make([]net.Conn, m.Size)
	host, port, err := net.SplitHostPort(m.Address)
	if err != nil {
		return conns, err
	}
	if !m.oneMachine() {
		host = "" // the name may be that of an address which this machine does not have
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return conns, usage.Errorf("found the port in use, expected it free for rank 0: is this another run with the same %s?", PortVariable)
	} else if err != nil {
		return conns, usage.Mark(err)
	}
	defer l.Close()
	addresses, refused := make([]string, m.Size), ""
	come := guests[hello](ctx, l)
	for missing := m.Size - 1; missing > 0; {
		select {
		case <-ctx.Done():
			return conns, fmt.Errorf("timed out after %v waiting for %s%s", m.Timeout, ranks(conns), refused)
		case g := <-come:
			if g.err != nil {
				return conns, g.err
			}
			if r := g.said.Rank; r > 0 && r < m.Size && conns[r] != nil && hasEnded(conns[r]) {
				_ = conns[r].Close() // it was started again
				conns[r] = nil
				missing++
			}
			if why := m.refuses(g.said, conns); why != "" {
				refused = fmt.Sprintf("; the last that was refused came from %s: %s", g.conn.RemoteAddr(), why)
				_ = put(g.conn, welcome{Refused: why})
				_ = g.conn.Close()
				continue
			}
			there, _, err := net.SplitHostPort(g.conn.RemoteAddr().String())
			if err != nil {
				return conns, err
			}
			if isLoopback(there) {
				there = "" // where others reach this machine they know themselves
			}
			conns[g.said.Rank], addresses[g.said.Rank] = g.conn, net.JoinHostPort(there, strconv.Itoa(g.said.Port))
			missing--
		}
	}
	w := welcome{Token: rand.Text(), Addresses: addresses}
	for i, c := range conns {
		if i > 0 {
			if err := put(c, w); err != nil {
				return conns, fmt.Errorf("answer rank %d: %w", i, err)
			}
		}
	}
	return conns, nil
}

// oneMachine says whether the address of rank 0 is one that no other machine can reach.
func (m Meeting) oneMachine() bool {
	host, _, err := net.SplitHostPort(m.Address)
	return err == nil && (host == "localhost" || isLoopback(host))
}

// isLoopback says whether a host is an address by which a machine reaches itself alone.
func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// hasEnded says whether the other end of a connection on which nothing is to come is no more.
func hasEnded(c net.Conn) bool {
	deadline := time.Now().Add(10 * time.Millisecond)
	if c.SetReadDeadline(deadline) != nil {
		return true
	}
	_, err := c.Read(make([]byte, 1))
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// ranks names those that have not come.
func ranks(conns []net.Conn) string {
	var out []string
	for i, c := range conns {
		if i > 0 && c == nil {
			out = append(out, strconv.Itoa(i))
		}
	}
	if len(out) > 8 {
		out = append(out[:8], "others")
	}
	return "rank " + strings.Join(out, ", ")
}

// dial reaches an address, which may not listen yet.
func dial(ctx context.Context, address string) (net.Conn, error) {
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			deadline, _ := ctx.Deadline()
			return c, c.SetDeadline(deadline)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(again):
		}
	}
}

// visit is Meet of the other ranks.
func (m Meeting) visit(ctx context.Context) ([]net.Conn, error) {
	conns := make([]net.Conn, m.Size)
	c, err := dial(ctx, m.Address)
	if err != nil {
		return conns, fmt.Errorf("timed out after %v waiting for rank 0 (%w)", m.Timeout, err)
	}
	conns[0] = c
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })() // a signal ends the wait too
	here, _, err := net.SplitHostPort(c.LocalAddr().String())
	if err != nil {
		return conns, err
	}
	if isLoopback(here) && !m.oneMachine() {
		here = "" // this is the machine of rank 0, which has other addresses for other machines
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(here, "0"))
	if err != nil {
		return conns, err
	}
	defer l.Close()
	come := guests[greeting](ctx, l)
	if err := put(c, m.hello(l.Addr().(*net.TCPAddr).Port)); err != nil {
		return conns, fmt.Errorf("say hello to rank 0: %w", err)
	}
	var w welcome
	err = get(c, &w)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return conns, fmt.Errorf("timed out after %v waiting for rank 0 to have met all", m.Timeout)
	case err != nil:
		return conns, fmt.Errorf("found no answer of rank 0 (%w), expected one: it has ended, or another program listens there", err)
	case w.Refused != "":
		return conns, usage.Errorf("rank 0 refuses: %s", line(w.Refused))
	case len(w.Addresses) != m.Size || w.Token == "":
		return conns, fmt.Errorf("found an answer with %d addresses, expected %d", len(w.Addresses), m.Size)
	}
	for i := 1; i < m.Rank; i++ {
		at := fromRank0(w.Addresses[i], c)
		if conns[i], err = dial(ctx, at); err == nil {
			err = put(conns[i], greeting{w.Token, m.Rank})
		}
		if err != nil {
			return conns, fmt.Errorf("reach rank %d at %s: %w", i, line(at), err)
		}
	}
	for missing := m.Size - 1 - m.Rank; missing > 0; {
		select {
		case <-ctx.Done():
			return conns, fmt.Errorf("timed out after %v waiting for ranks above this one", m.Timeout)
		case g := <-come:
			if g.err != nil {
				return conns, g.err
			}
			r := g.said.Rank
			if subtle.ConstantTimeCompare([]byte(g.said.Token), []byte(w.Token)) != 1 || r <= m.Rank || r >= m.Size || conns[r] != nil {
				_ = g.conn.Close()
				continue
			}
			conns[r] = g.conn
			missing--
		}
	}
	return conns, nil
}

// fromRank0 is an address of a welcome as the process has it that is joined to rank 0 by c.
func fromRank0(address string, c net.Conn) string {
	port, ok := strings.CutPrefix(address, ":")
	if host, _, err := net.SplitHostPort(c.RemoteAddr().String()); ok && err == nil {
		return net.JoinHostPort(host, port)
	}
	return address
}

// forever is no limit besides that of a context.
const forever = time.Duration(math.MaxInt64)

// until bounds what is done with a connection by the context, and by limit.
func until(ctx context.Context, c net.Conn, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	if d, ok := ctx.Deadline(); ok {
		deadline = slices.MinFunc([]time.Time{d, deadline}, time.Time.Compare)
	}
	return c.SetDeadline(deadline)
}

// line is text of another process for a message.
func line(text string) string { return group.OneLine(cmp.Or(text, `""`)) }
