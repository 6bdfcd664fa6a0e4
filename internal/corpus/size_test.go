package corpus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// go test ./internal/corpus -run TestPrepareOfSize -v -args -prepare-bytes 2000000000
var (
	prepareBytes  = flag.Int64("prepare-bytes", 2<<20, "text of TestPrepareOfSize")
	prepareIn     = flag.String("prepare-in", "", "folder for the text and shards of TestPrepareOfSize (default: a temporary one)")
	formatsOfSize = flag.String("prepare-formats", "prose,jsonl,parquet", "formats of TestPrepareOfSize")
	vocabOfSize   = flag.Int("prepare-vocab", 3000, "vocabulary of TestPrepareOfSize")
)

// zipf writes text whose words go on being new: of the commonest 50000 words the
// frequency falls as 1/rank, behind them as rank^-1.5, without end.
type zipf struct {
	r     *rand.Rand
	words []byte
}

func newZipf(seed uint64) *zipf { return &zipf{r: rand.New(rand.NewPCG(seed, 0))} }

const commonWords = 50_000

// rank draws a word's rank.
func (z *zipf) rank() uint64 {
	if z.r.IntN(100) >= 3 {
		return uint64(math.Exp(z.r.Float64() * math.Log(commonWords)))
	}
	u := 1 - z.r.Float64()
	return uint64(min(commonWords/(u*u), 1e18))
}

// spell appends the word of a rank: a syllable for two digits.
func spell(out []byte, rank uint64) []byte {
	const consonants, vowels = "bcdfghklmnprstvwxzjq", "aeiou"
	for {
		d := rank % 100
		out = append(out, consonants[d/5], vowels[d%5])
		if rank /= 100; rank == 0 {
			return out
		}
	}
}

// document returns a document of sentences, one paragraph, until the next call.
func (z *zipf) document() []byte {
	z.words = z.words[:0]
	for range 5 + z.r.IntN(25) {
		start := len(z.words)
		for range 5 + z.r.IntN(20) {
			z.words = append(spell(z.words, z.rank()), ' ')
		}
		z.words[start] -= 'a' - 'A'
		z.words = append(z.words[:len(z.words)-1], ". "...)
	}
	return z.words[:len(z.words)-1]
}

// writeZipf writes documents of about size bytes of text in a format.
func writeZipf(path string, format Format, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	z := newZipf(1)
	written := int64(0)
	switch format {
	case Parquet:
		p := parquet.NewGenericWriter[textRow](w, parquet.Compression(&parquet.Zstd))
		for i := 0; written < size && err == nil; i++ {
			d := z.document()
			written += int64(len(d))
			if _, err = p.Write([]textRow{{int64(i), string(d)}}); err == nil && i%5000 == 4999 {
				err = p.Flush()
			}
		}
		err = errors.Join(err, p.Close())
	case JSONLines:
		e := json.NewEncoder(w)
		for written < size && err == nil {
			d := z.document()
			written += int64(len(d))
			err = e.Encode(map[string]any{"id": written, "text": string(d), "url": "https://example.org/" + fmt.Sprint(written)})
		}
	default:
		for written < size && err == nil {
			d := z.document()
			written += int64(len(d))
			_, err = w.Write(append(d, "\n\n"...))
		}
	}
	return errors.Join(err, w.Flush(), f.Close())
}

// peakMemory is the largest resident set of this process, in bytes; 0 where the system
// does not say.
func peakMemory() int64 {
	text, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kB int64
	if _, err := fmt.Sscan(after, &kB); err != nil {
		return 0
	}
	return kB << 10
}

// processorTime is what this process has computed, in seconds; 0 where the system does
// not say.
func processorTime() float64 {
	text, _ := os.ReadFile("/proc/self/stat")
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	var user, system float64
	_, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	if err != nil {
		return 0
	}
	return (user + system) / 100
}

// The same text in three formats gives the same shards; with -v it says how fast, and
// what memory that took.
func TestPrepareOfSize(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestPrepareGoesOn starts the same goroutines")
	}
	dir := *prepareIn
	if dir == "" {
		dir = t.TempDir()
	}
	var want string
	for name := range strings.SplitSeq(*formatsOfSize, ",") {
		format, err := ParseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		text := filepath.Join(dir, "text."+format.String())
		if _, err := os.Stat(text); err != nil {
			if err := writeZipf(text, format, *prepareBytes); err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(dir, "shards."+format.String())
		began, stage, at := time.Now(), "", processorTime()
		computed := at
		debug.FreeOSMemory()
		r, err := Prepare(t.Context(), PrepareOptions{Corpus: []string{text}, Out: out, VocabSize: *vocabOfSize, Progress: func(s string, done, total int64) {
			if s != stage {
				if stage != "" {
					t.Logf("%s: %s computed for %.1f s", format, stage, processorTime()-at)
				}
				stage, at = s, processorTime()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s computed for %.1f s", format, stage, processorTime()-at)
		took := time.Since(began)
		t.Logf("%s: %d bytes, %d documents, %d tokens, vocabulary %d; computed for %.1f s, %.1f MB/s, in %.1f s; at most %d MiB of memory so far", format, *prepareBytes,
			r.Documents, r.Tokens, r.VocabSize, processorTime()-computed, float64(*prepareBytes)/1e6/max(1e-3, processorTime()-computed), took.Seconds(), peakMemory()>>20)
		content := ""
		for _, name := range []string{vocabFile, shardFile(0)} {
			data, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			content += string(data)
		}
		if want == "" {
			want = content
		}
		if content != want || len(r.Report.Parts) != 1 || r.Report.Parts[0].Format != format {
			t.Errorf("%s: other shards, or another format: %+v", format, r.Report.Parts)
		}
	}
}
