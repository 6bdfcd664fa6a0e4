package endpoint_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/endpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func listen(t *testing.T, address string) *endpoint.Endpoint {
	t.Helper()
	e, err := endpoint.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// scrape returns the numbers that are served, by name; help has those names too.
func scrape(t *testing.T, e *endpoint.Endpoint) (numbers map[string]float64, help map[string]string) {
	t.Helper()
	answer, err := http.Get(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusServiceUnavailable { // others are being answered
		return scrape(t, e)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Security-Policy") == "" {
		t.Fatalf("found %s, headers %v, %v", answer.Status, answer.Header, err)
	}
	numbers, help = map[string]float64{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if text, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, words, _ := strings.Cut(text, " ")
			help[name] = words
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndex(line, " ")
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		numbers[line[:i]] = v
	}
	return numbers, help
}

// Every number of every kind of records that a run tells is served, with a help of its own.
func TestEveryNumberIsServed(t *testing.T) {
	e := listen(t, "0")
	defer e.Close()
	if numbers, _ := scrape(t, e); len(numbers) > 0 {
		t.Errorf("before the start: found %v, expected nothing", numbers)
	}
	one := new(1.5)
	e.Stepped(7, 9, 1.25)
	e.Logged(train.TrainMetrics{Step: 7, GrowthFLOPs: 1, TokensPerWeight: 1, PredictionsPerWeight: 1, MFU: 1, SecondsLeft: 1})
	e.Updated(train.TopologyMetrics{Step: 6, AblatedRows: 1, RemovedNewRatio: one, Active: 1, Positions: 1, NewbornShare: one, RemovedNewDense: one, StartShare: one,
		Survival1: one, Survival2: one, Survival4: one, Survival8: one, NewbornNorm: one})
	e.Evaluated(train.EvalMetrics{Step: 5, MLMLoss: 2.5})
	e.Spent(train.CostMetrics{Step: 7, DeviceBytes: 77, SentBytes: 1})
	numbers, help := scrape(t, e)
	for name, want := range map[string]float64{"step": 7, "loss": 1.25, "train_step": 7, "topology_step": 6, "eval_step": 5, "eval_mlm_loss": 2.5, "cost_device_bytes": 77} {
		if got, ok := numbers["sparsebert_"+name]; !ok || got != want {
			t.Errorf("%s: found %v (%v), expected %v", name, got, ok, want)
		}
	}
	said := map[string]string{}
	for _, r := range []metrics.Record{&metrics.Train{}, &metrics.Topology{}, &metrics.Eval{}, &metrics.Cost{}} {
		for _, key := range metrics.NumberKeys(r) {
			name := "sparsebert_" + r.Kind() + "_" + key
			if _, ok := numbers[name]; !ok {
				t.Errorf("found no %s", name)
			}
			if other, ok := said[help[name]]; ok || help[name] == "" {
				t.Errorf("%s: found the help %q, also of %q, expected one of its own", name, help[name], other)
			}
			said[help[name]] = name
		}
	}
	// What a later record does not have is gone.
	e.Updated(train.TopologyMetrics{Step: 8})
	if numbers, _ := scrape(t, e); numbers["sparsebert_topology_step"] != 8 {
		t.Errorf("found the step %v, expected 8", numbers["sparsebert_topology_step"])
	} else if v, ok := numbers["sparsebert_topology_survival_8"]; ok {
		t.Errorf("found survival_8 %v of an earlier update, expected none", v)
	}
}

// An address without a host is on loopback. Only requests for the server's own host are
// answered, and only those for metrics.
func TestAddress(t *testing.T) {
	for _, address := range []string{"0", ":0", "127.0.0.1:0"} {
		e := listen(t, address)
		if !strings.HasPrefix(e.URL(), "http://127.0.0.1:") {
			t.Errorf("%q: found %s, expected loopback", address, e.URL())
		}
		for _, c := range []struct {
			host, path string
			want       int
		}{{"", endpoint.Path, 200}, {"localhost", endpoint.Path, 200}, {"evil.example", endpoint.Path, 421}, {"", "/", 404}, {"", "/debug/pprof/", 404}} {
			q, err := http.NewRequest(http.MethodGet, strings.TrimSuffix(e.URL(), endpoint.Path)+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Host = c.host
			answer, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != c.want {
				t.Errorf("%q %s: found %d, expected %d", c.host, c.path, answer.StatusCode, c.want)
			}
		}
		if _, err := endpoint.Listen(strings.TrimSuffix(strings.TrimPrefix(e.URL(), "http://"), endpoint.Path)); !usage.Is(err) {
			t.Errorf("an address in use: found %v, expected an error of usage", err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, address := range []string{"x", "127.0.0.1:99999", "no such host:80"} {
		if _, err := endpoint.Listen(address); !usage.Is(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: found %v, expected a line of usage", address, err)
		}
	}
}

// tiny is a run that is over in a moment.
func tiny(t *testing.T) train.Config {
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN = 1, 16, 1, 32
	c.BlockSize, c.Sparsity, c.Updates, c.SeqLen, c.BatchSize = 4, 0.5, 4, 16, 2
	c.MaxSteps, c.LoggingSteps, c.EvalSteps, c.EvalBatches, c.FinalBatches = 40, 1, 5, 1, 1
	c.Threads, c.OutputDir = 1, filepath.Join(t.TempDir(), "run")
	return c
}

func open(_, _ string, threads int) (backend.Backend, error) {
	return cpu.New(cpu.Options{Threads: threads})
}

// counter counts steps.
type counter struct {
	train.NopObserver
	steps int
}

func (c *counter) Stepped(int64, int64, float64) { c.steps++ }

// Scrapes while a run trains, and clients that never read or never ask, do not keep it from
// going on; what is served in the end is what its last records say.
func TestScrapesWhileTraining(t *testing.T) {
	e := listen(t, "0")
	defer e.Close()
	for range 8 { // clients that stand still: half of a request, and a request whose answer is not read
		for _, text := range []string{"GET " + endpoint.Path, "GET " + endpoint.Path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
			c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(e.URL(), "http://"), endpoint.Path))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan struct{})
	var scrapers sync.WaitGroup
	for range 2 {
		scrapers.Go(func() {
			last := 0.
			for {
				select {
				case <-done:
					return
				default:
				}
				numbers, _ := scrape(t, e)
				step := numbers["sparsebert_step"]
				if step < last {
					t.Errorf("found step %v after %v", step, last)
				}
				last = step
			}
		})
	}
	var count counter
	summary, err := train.Run(t.Context(), tiny(t), open, train.Observers{e, &count})
	close(done)
	scrapers.Wait()
	if err != nil || count.steps != 40 {
		t.Fatalf("found %v after %d steps", err, count.steps)
	}
	numbers, _ := scrape(t, e)
	for name, want := range map[string]float64{
		"step": 40, "steps": 40, "train_mlm_loss": summary.Train.MLMLoss, "eval_mlm_loss": summary.Eval.MLMLoss,
		"topology_update": 3, "topology_explored_dof": summary.ExploredDOF,
	} {
		if got := numbers["sparsebert_"+name]; got != want {
			t.Errorf("%s: found %v, expected %v", name, got, want)
		}
	}
	if got := numbers[`sparsebert_info{device="auto",method="dynamic",model="tiny"}`]; got != 1 {
		t.Errorf("found %v for the run's info, expected 1", got)
	}
}

// Close does not wait for clients.
func TestCloseWithClients(t *testing.T) {
	e := listen(t, "0")
	c, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(e.URL(), "http://"), endpoint.Path))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET "); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("found a server that waits for its client")
	}
}
