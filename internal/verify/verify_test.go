package verify_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/verify"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// open returns a function that opens the CPU, changed by spoil.
func open(spoil func(backend.Backend) backend.Backend) func() (backend.Backend, error) {
	return func() (backend.Backend, error) {
		b, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			return nil, err
		}
		return spoil(b), nil
	}
}

func asItIs(b backend.Backend) backend.Backend { return b }

func TestRunAgrees(t *testing.T) {
	var out bytes.Buffer
	o := verify.Options{Open: open(asItIs), Precision: "fp32", Blocks: []int{0, 8}, Seed: 3, Verbose: true}
	if err := verify.Run(t.Context(), &out, o); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	for _, want := range []string{"dense ", "B = 8 ", "bert.pooler.dense.weight", "compared bit for bit: agrees", "verified: everything agrees"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("found %q, expected %q in it", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "DIFFERS") {
		t.Errorf("found %q, expected no difference", out.String())
	}
}

// Devices that are wrong in one way each.
type (
	// slantedGradient adds every weight gradient twice.
	slantedGradient struct{ backend.Backend }
	// noNumber makes an activation NaN.
	noNumber struct{ backend.Backend }
	// otherSeed draws other blocks to activate.
	otherSeed struct{ backend.Backend }
	// oldValues gives newborn blocks the values of pruned ones.
	oldValues struct{ backend.Backend }
)

func (d slantedGradient) SDD(w, b backend.Param, dy, x backend.Buffer, t int) {
	d.Backend.SDD(w, b, dy, x, t)
	d.Backend.SDD(w, b, dy, x, t)
}

func (d noNumber) DSD(y, pre, x backend.Buffer, w, b backend.Param, t int) {
	d.Backend.DSD(y, pre, x, w, b, t)
	d.Backend.WriteFloats(y, 0, []float32{float32(math.NaN())})
}

func (d otherSeed) UpdateTopology(params []backend.Param, u sparse.Update) {
	u.Seed++
	d.Backend.UpdateTopology(params, u)
}

func (d oldValues) UpdateTopology(params []backend.Param, u sparse.Update) {
	d.Backend.UpdateTopology(params, u)
	for _, p := range params {
		d.Backend.WriteFloats(p.Values(), 0, []float32{1})
	}
}

// Each planted fault is found, and said where it is.
func TestRunFindsFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(backend.Backend) backend.Backend
		says  string
	}{
		"gradient":   {func(b backend.Backend) backend.Backend { return slantedGradient{b} }, "attention.self.query.weight"},
		"NaN":        {func(b backend.Backend) backend.Backend { return noNumber{b} }, "error NaN"},
		"topology":   {func(b backend.Backend) backend.Backend { return otherSeed{b} }, "growth random, by l1, B = 1: DIFFERS"},
		"old values": {func(b backend.Backend) backend.Backend { return oldValues{b} }, "growth fan-in, by linf, B = 64: DIFFERS"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := verify.Run(t.Context(), &out, verify.Options{Open: open(c.spoil), Precision: "fp32", Blocks: []int{16}, Seed: 1})
			if err == nil || !strings.Contains(err.Error(), "differences, expected none") {
				t.Errorf("found error %v, expected differences", err)
			}
			if !strings.Contains(out.String(), c.says) || !strings.Contains(out.String(), "DIFFERS") || strings.Contains(out.String(), "everything agrees") {
				t.Errorf("found %q, expected %q in it", out.String(), c.says)
			}
		})
	}
}

// What is wrong with the options is said before the device is opened, and a device that cannot be
// opened is no difference.
func TestRunErrors(t *testing.T) {
	var out bytes.Buffer
	never := func() (backend.Backend, error) { t.Error("the device was opened"); return nil, errors.New("opened") }
	if err := verify.Run(t.Context(), &out, verify.Options{Open: never, Precision: "fp32", Blocks: []int{8, 7}}); !errors.Is(err, model.ErrConfig) {
		t.Errorf("block size 7: found error %v, expected one of a configuration", err)
	}
	none := errors.New("no device")
	refuse := func() (backend.Backend, error) { return nil, none }
	if err := verify.Run(t.Context(), &out, verify.Options{Open: refuse, Precision: "fp32"}); !errors.Is(err, none) {
		t.Errorf("no device: found error %v", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	stop(stopped)
	if err := verify.Run(ctx, &out, verify.Options{Open: never, Precision: "fp32"}); !errors.Is(err, stopped) {
		t.Errorf("stopped: found error %v, expected the cause", err)
	}
	if out.Len() > 0 {
		t.Errorf("found %q, expected nothing written", out.String())
	}
}
