//go:build unix

package hook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// The example of a tracker makes one run on the server, logs every evaluation and says how
// it ended.
func TestExampleTracker(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	script, err := filepath.Abs("../../examples/trackers/mlflow.py")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var calls []string
	losses := map[float64]float64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var body map[string]any
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		call := filepath.Base(q.URL.Path)
		if q.URL.Path != "/api/2.0/mlflow/runs/"+call || call != "create" && body["run_id"] != "abc" {
			t.Errorf("found %s with %v", q.URL.Path, body)
		}
		if metrics, ok := body["metrics"].([]any); ok {
			for _, m := range metrics {
				if m := m.(map[string]any); m["key"] == "eval/mlm_loss" {
					losses[m["step"].(float64)] = m["value"].(float64)
				}
			}
		}
		if status, ok := body["status"]; ok {
			call += fmt.Sprint(" ", status)
		}
		calls = append(calls, call)
		fmt.Fprint(w, `{"run":{"info":{"run_id":"abc"}}}`)
	}))
	defer server.Close()
	t.Setenv("MLFLOW_TRACKING_URI", server.URL)
	_, w := run(t, "python3 '"+script+"'", time.Minute)
	if len(w.text) > 0 {
		t.Errorf("found warnings %q, expected none", w.text)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"create", "log-batch", "log-batch", "log-batch", "log-batch", "log-batch", "update FINISHED"}; !slices.Equal(calls, want) {
		t.Errorf("found the calls %q, expected %q", calls, want)
	}
	if len(losses) != 3 || !(losses[4] > 0 && losses[8] > 0 && losses[12] > 0) {
		t.Errorf("found the losses %v, expected those of steps 4, 8 and 12", losses)
	}
}
