package report

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A watched page outlives an answer that is an error: it says so, keeps what it shows, and takes
// the next page when there is one.
func TestPageOutlivesAnError(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node, which runs the page's script, is not installed")
	}
	const around = `
const assert = require("assert");
const live = { classList: { add() { live.lost = true; }, remove() { live.lost = false; } }, textContent: "" };
let shown = "old", ask = null, answers = [];
const main = { replaceWith(page) { shown = page === null ? "null" : page.name; } };
global.document = { addEventListener() {}, getElementById: (id) => id === "live" ? live : {}, querySelector: () => main };
global.DOMParser = class { parseFromString(text) { return { querySelector: () => text.startsWith("<") ? { name: text } : null }; } };
global.setInterval = (f) => { ask = f; };
global.fetch = async (path) => { const [ok, text] = answers.shift(); return { ok, text: async () => text }; };
answers = [[true, "1"]];
`
	const then = `
(async () => {
  await new Promise((r) => setTimeout(r, 5));
  answers = [[false, "metrics.jsonl:1: malformed\n"], [false, "metrics.jsonl:1: malformed\n"]];
  await ask();
  assert.equal(shown, "old");
  assert.equal(live.lost, true);
  assert.match(live.textContent, /malformed/);
  answers = [[true, "2"], [false, "busy"]];
  await ask();
  assert.equal(shown, "old");
  answers = [[true, "2"], [true, "<new>"]];
  await ask();
  assert.equal(shown, "<new>");
  assert.equal(live.lost, false);
})().catch((e) => { console.error(e.message); process.exit(1); });
`
	path := filepath.Join(t.TempDir(), "page.cjs")
	if err := os.WriteFile(path, []byte(around+pageScript+then), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
