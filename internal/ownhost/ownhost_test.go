package ownhost_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/ownhost"
)

// listener is one at an address, without a socket.
type listener struct {
	net.Listener
	addr net.Addr
}

func (l listener) Addr() net.Addr { return l.addr }

// ask returns the status of a request for a host, and its headers.
func ask(addr net.Addr, given, host string) (int, http.Header) {
	h := ownhost.Guard(ownhost.At(listener{addr: addr}, given), "default-src 'none'", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("yes")) }))
	q := httptest.NewRequest(http.MethodGet, "/", nil)
	q.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	return w.Code, w.Header()
}

func TestOnlyOwnHosts(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Skip("this system has no name for the machine: ", err)
	}
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 9100} }
	for _, c := range []struct {
		addr  net.Addr
		given string
		own   []string
		other []string
	}{
		{at("127.0.0.1"), "", []string{"127.0.0.1:9100", "127.0.0.1", "localhost:9100", "LOCALHOST.:80", "[::ffff:127.0.0.1]:9100"},
			[]string{"evil.example:9100", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2:9100", "[::1]:9100", "10.0.0.1", "", machine + ".example"}},
		{at("::1"), "", []string{"[::1]:9100", "[::1]", "localhost"}, []string{"127.0.0.1:9100", "evil.example"}},
		{at("192.0.2.7"), "node7:9100", []string{"192.0.2.7:9100", "Node7:9100", "node7"}, []string{"localhost", "evil.example", "192.0.2.8", "node7.evil.example"}},
		{at("::"), "0.0.0.0:9100", []string{"192.0.2.7:9100", "[2001:db8::1]:9100", "localhost", machine + ":9100"}, []string{"evil.example:9100", "localhost.evil.example"}},
	} {
		for _, host := range c.own {
			if code, _ := ask(c.addr, c.given, host); code != http.StatusOK {
				t.Errorf("at %v: found %d for host %q, expected an answer", c.addr, code, host)
			}
		}
		for _, host := range c.other {
			code, header := ask(c.addr, c.given, host)
			if code != http.StatusMisdirectedRequest {
				t.Errorf("at %v: found %d for host %q, expected 421", c.addr, code, host)
			}
			if header.Get("Content-Security-Policy") != "default-src 'none'" || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("at %v: found headers %v", c.addr, header)
			}
		}
	}
}

// Whatever the host: no panic, and a name of the web is never taken.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"", "localhost", "[::1]:80", "[", "]:", "a:b:c", "127.0.0.1:9100", "evil.example:9100"} {
		f.Add(host)
	}
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9100}
	f.Fuzz(func(t *testing.T, host string) {
		if code, _ := ask(addr, "", "evil."+host); code == http.StatusOK {
			t.Errorf("found an answer for the host %q", "evil."+host)
		}
	})
}
