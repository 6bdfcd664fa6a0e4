// Package report shows what runs and sweeps measured: one HTML page that loads nothing
// from elsewhere, and every figure as SVG and PNG.
//
// [Load] reads run folders, whose config.yaml and metrics.jsonl are the truth, and compares
// the results.jsonl of a sweep with them. [New] makes figures of what was read. Charts know
// nothing of runs and draw themselves on a canvas of any size. [Report.HTML] writes the page,
// and [Server] serves it while runs go on.
package report
