package corpus

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Report says as what a text was read. Shards and what comes from no file are not in it.
type Report struct {
	Parts []FormatReport `json:"parts"` // by format, in the order of coming up

	// What in the folders of the corpus was left out: files without a byte, marker
	// files such as _SUCCESS, files without a sentence, folders that this program wrote.
	Empty   int      `json:"empty"`
	Markers int      `json:"markers"`
	NoText  int      `json:"no_text"`
	Own     []string `json:"own"`

	Doubts []string `json:"doubts"` // files whose format is doubtful, a line each
}

// FormatReport is what the files of one format came to.
type FormatReport struct {
	Format    Format `json:"format"`
	Files     int    `json:"files"`
	Documents int64  `json:"documents"`
	Sentences int64  `json:"sentences"`
	Sample    string `json:"sample"` // a sentence
	File      int    `json:"file"`   // number of the last of its files
}

// add counts a document.
func (r *Report) add(d *docLen) {
	i := slices.IndexFunc(r.Parts, func(p FormatReport) bool { return p.Format == d.format })
	if i < 0 {
		i = len(r.Parts)
		r.Parts = append(r.Parts, FormatReport{Format: d.format, File: -1, Sample: d.sample})
	}
	p := &r.Parts[i]
	if p.File != d.after.File {
		p.File = d.after.File
		p.Files++
		if d.doubt != "" {
			r.Doubts = append(r.Doubts, d.doubt)
		}
	}
	p.Documents++
	p.Sentences += int64(d.sents)
}

// merge adds what another text was read as.
func (r *Report) merge(o Report) {
	for _, p := range o.Parts {
		i := slices.IndexFunc(r.Parts, func(q FormatReport) bool { return q.Format == p.Format })
		if i < 0 {
			r.Parts = append(r.Parts, p)
			continue
		}
		r.Parts[i].Files += p.Files
		r.Parts[i].Documents += p.Documents
		r.Parts[i].Sentences += p.Sentences
	}
	r.Empty += o.Empty
	r.Markers += o.Markers
	r.NoText += o.NoText
	r.Own = append(r.Own, o.Own...)
	r.Doubts = append(r.Doubts, o.Doubts...)
}

// longSample is how many characters of a sentence are shown.
const longSample = 80

// Lines says what was decided, a line for each format and for what was left out.
func (r *Report) Lines() []string {
	var out []string
	for _, p := range r.Parts {
		sample := p.Sample
		if utf8.RuneCountInString(sample) > longSample {
			sample = string([]rune(sample)[:longSample]) + "..."
		}
		out = append(out, fmt.Sprintf("read as %s: %s, %s, %s (%.1f a document), such as %q", p.Format,
			counted(p.Files, "file"), counted(int(p.Documents), "document"), counted(int(p.Sentences), "sentence"), p.perDocument(), sample))
	}
	var left []string
	for _, s := range []struct {
		n    int
		what string
	}{{r.Empty, "empty file"}, {r.Markers, "marker file"}, {r.NoText, "file"}} {
		if s.n > 0 {
			left = append(left, counted(s.n, s.what))
		}
	}
	if r.NoText > 0 {
		left[len(left)-1] += " without a sentence"
	}
	for i, folder := range r.Own {
		if i == 3 {
			left = append(left, fmt.Sprintf("%d more folders of this program", len(r.Own)-3))
			break
		}
		left = append(left, folder)
	}
	if len(left) > 0 {
		out = append(out, "left out: "+strings.Join(left, ", "))
	}
	return out
}

func (p *FormatReport) perDocument() float64 {
	return float64(p.Sentences) / float64(max(1, p.Documents))
}

// Warnings says what in the text is probably not as it should be, a line each.
func (r *Report) Warnings() []string {
	const most = 3 // of doubts
	out := slices.Clone(r.Doubts[:min(most, len(r.Doubts))])
	if more := len(r.Doubts) - most; more > 0 {
		out = append(out, fmt.Sprintf("%s more of doubtful format", counted(more, "file")))
	}
	for _, p := range r.Parts {
		switch {
		case p.Documents >= 10 && p.perDocument() < 1.2:
			remedy := "do blank lines stand between sentences, rather than documents?"
			if p.Format == JSONLines || p.Format == Parquet {
				remedy = "does each row hold a document, or a sentence only?"
			}
			out = append(out, fmt.Sprintf("read as %s: %.2f sentences a document; next sentence prediction needs two or more: %s (--corpus-format)", p.Format, p.perDocument(), remedy))
		case p.Documents == int64(p.Files) && p.Documents < 40 && p.Sentences > 1000*p.Documents, p.Documents == 1 && p.Files == 1 && p.long():
			out = append(out, fmt.Sprintf("read as %s: %s in %s; pairs of sentences come from several documents: put a blank line between documents, and give validation text (--valid) where there are fewer than 40",
				p.Format, counted(int(p.Documents), "document"), counted(p.Files, "file")))
		}
	}
	return out
}

// long tells whether the sample is so long that it is no sentence.
func (p *FormatReport) long() bool { return len(p.Sample) >= keptSample }

// keptSample is how many bytes of a sample are kept, about.
const keptSample = 1000

// sampleOf shortens a sentence for a report.
func sampleOf(sentence string) string {
	if len(sentence) <= keptSample {
		return sentence
	}
	end := keptSample
	for !utf8.RuneStart(sentence[end]) {
		end++
	}
	return sentence[:end]
}
