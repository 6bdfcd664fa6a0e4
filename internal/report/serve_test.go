package report

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
)

// get asks a server on this machine.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// The served page follows the run, the version tells of it, and the server ends
// with its context.
func TestServer(t *testing.T) {
	dir := oneRun(t, "run[1]*") // signs of patterns too
	path := filepath.Join(dir, metrics.FileName)
	s, err := NewServer([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	url := "http://" + l.Addr().String()

	_, version := get(t, url+"/version")
	code, page := get(t, url+"/")
	if code != http.StatusOK || dataIn(t, []byte(page)).Runs[0]["steps"] != 100. {
		t.Errorf("found code %d and no run of 100 steps", code)
	}
	if _, again := get(t, url+"/version"); again != version {
		t.Errorf("found version %s, then %s of the same run", version, again)
	}
	log, err := metrics.OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Write(&metrics.Eval{Step: 123, MLMLoss: 1.25}); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, next := get(t, url+"/version"); next == version {
		t.Error("the version is the same after a new record")
	}
	_, page = get(t, url+"/")
	if run := dataIn(t, []byte(page)).Runs[0]; run["steps"] != 123. || run["mlm_loss"] != 1.25 {
		t.Errorf("found %v steps, loss %v, expected the new record's", run["steps"], run["mlm_loss"])
	}
	if code, _ := get(t, url+"/../etc/passwd"); code != http.StatusNotFound {
		t.Errorf("another path: found code %d, expected 404", code)
	}
	if answer, err := http.Post(url, "text/plain", nil); err != nil || answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: found %v (%v), expected 405", answer, err)
	}
	q, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Host = "evil.example" // whose owner points it here
	if answer, err := http.DefaultClient.Do(q); err != nil || answer.StatusCode != http.StatusMisdirectedRequest ||
		!strings.Contains(answer.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("another host: found %v (%v), expected 421 and a policy", answer, err)
	}
	if err := os.WriteFile(path, []byte("no record\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, url+"/"); code != http.StatusInternalServerError || !strings.Contains(body, metrics.FileName+":1") {
		t.Errorf("broken metrics: found code %d, %q", code, body)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server goes on")
	}
	if _, err := NewServer([]string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a server of no folder begins")
	}
}
