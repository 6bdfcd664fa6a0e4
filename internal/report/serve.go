package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/ownhost"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Server serves the page of runs that may still be going on. A page asks every two
// seconds whether there is news; the report is made again only then.
type Server struct {
	paths []string

	mu      sync.Mutex
	version string
	page    []byte
}

// NewServer reads the runs once, so that wrong paths are found before anything is
// served: an error about them is one of package usage.
func NewServer(paths []string) (*Server, error) {
	s := &Server{paths: paths}
	if _, err := s.refresh(); err != nil {
		return nil, aboutData(err)
	}
	return s, nil
}

// stamp tells whether anything that the page shows has changed: the size and time
// of the runs' metrics and of what lists the runs, and how the runs stand.
func (s *Server) stamp() string {
	sum := sha256.New()
	for _, path := range s.paths {
		for _, pattern := range []string{"", sweep.ResultsName, metrics.FileName, sweep.RunsName, filepath.Join(sweep.RunsName, "*", metrics.FileName),
			train.StatusName, filepath.Join(sweep.RunsName, "*", train.StatusName)} {
			files, _ := filepath.Glob(filepath.Join(globQuote(path), pattern)) // the patterns are good
			for _, f := range files {
				if info, err := os.Stat(f); err == nil {
					fmt.Fprintf(sum, "%s %d %d\n", f, info.Size(), info.ModTime().UnixNano())
				}
				if filepath.Base(f) != train.StatusName {
					continue
				}
				if standing, err := train.ReadStatus(filepath.Dir(f)); err == nil && standing != nil {
					fmt.Fprintln(sum, standing.State) // no file changes when a run is killed
				}
			}
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:12])
}

// globQuote keeps the signs of patterns in a path as they are.
func globQuote(path string) string {
	var out bytes.Buffer
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// refresh makes the page again where something has changed, and returns its
// version.
func (s *Server) refresh() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.stamp() // before reading: what comes while it is read is news
	if now == s.version {
		return now, nil
	}
	d, err := Load(s.paths)
	if err != nil {
		return "", err
	}
	r, err := New(d)
	if err != nil {
		return "", err
	}
	var page bytes.Buffer
	if err := r.HTML(&page, true); err != nil {
		return "", err
	}
	s.version, s.page = now, page.Bytes()
	return now, nil
}

// ServeHTTP answers / with the page and /version with a text that changes with it.
func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		http.Error(w, "found "+q.Method+", expected GET", http.StatusMethodNotAllowed)
		return
	}
	if q.URL.Path != "/" && q.URL.Path != "/version" {
		http.NotFound(w, q)
		return
	}
	version, err := s.refresh()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if q.URL.Path == "/version" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, version)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	s.mu.Lock()
	page := s.page
	s.mu.Unlock()
	w.Write(page) // the reader may have gone
}

// pagePolicy lets the page do what it does and nothing else; no other page may show it.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Serve serves on a listener until ctx ends, and then closes it. It answers requests for
// the listener's own address only.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := ownhost.Server(l, pagePolicy, s)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the report: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		server.Close() // what is left are slow readers
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the report: %w", err)
	}
	return nil
}
