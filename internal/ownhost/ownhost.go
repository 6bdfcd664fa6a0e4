// Package ownhost guards small web servers of this program. A page on the web can make a
// browser ask a server on the user's machine by a name that the page's owner points there
// (DNS rebinding); the request then names that host. So only requests that name the
// server's own address are answered.
package ownhost

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Listener is a listener that knows the address that it was asked for.
type Listener struct {
	net.Listener
	given string
}

// Listen listens on host:port.
func Listen(address string) (*Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &Listener{l, address}, nil
}

// Guard answers with h requests whose Host names the address of l, and others with 421.
// Ports are not compared: a forwarded one is another.
//
// Own are the host that [Listen] was asked for; localhost, for a loopback address; the
// listener's IP address, of a listener on all addresses any IP address, since a page on the
// web has a name, with localhost and the machine's name.
//
// Every answer has policy as its content security policy, and forbids to guess types.
func Guard(l net.Listener, policy string, h http.Handler) http.Handler {
	given := ""
	if known, ok := l.(*Listener); ok {
		given = known.given
	}
	own := ownNames(l.Addr(), given)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !own.has(hostOf(q.Host)) {
			http.Error(w, "found a request for another host, expected one for this server's address", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, q)
	})
}

// Server returns a server of what Guard lets through, which waits for no client for long.
func Server(l net.Listener, policy string, h http.Handler) *http.Server {
	return &http.Server{
		Handler: Guard(l, policy, h), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 16,
		ErrorLog: log.New(io.Discard, "", 0), // about clients
	}
}

// names are those by which a server may be asked.
type names struct {
	text   map[string]bool // in lower case
	addr   netip.Addr
	anyone bool // every IP address
}

func ownNames(listener net.Addr, given string) names {
	own := names{text: map[string]bool{}}
	if host := hostOf(given); host != "" {
		own.text[host] = true
	}
	at, err := netip.ParseAddrPort(listener.String())
	if err != nil {
		return own
	}
	own.addr = at.Addr().Unmap()
	own.anyone = own.addr.IsUnspecified()
	if own.anyone || own.addr.IsLoopback() {
		own.text["localhost"] = true
	}
	if name, err := os.Hostname(); own.anyone && err == nil {
		own.text[strings.ToLower(name)] = true
	}
	return own
}

func (n names) has(host string) bool {
	if n.text[host] {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (n.anyone || addr.Unmap() == n.addr)
}

// hostOf returns the host of HOST, HOST:PORT or [HOST]:PORT, in lower case and without a
// last dot.
func hostOf(text string) string {
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
