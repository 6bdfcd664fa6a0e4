package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// The lines as design.md fixes them.
var lines = []struct {
	record     Record
	line       string
	comparable string
}{
	{
		&Train{Step: 10, Loss: 9.5, MLMLoss: 8.75, NSPLoss: 0.75, LR: 1e-7, GradNorm: 1.0 / 3, TokensPerSecond: 1234.5, FLOPs: 2.738e9},
		`{"kind":"train","step":10,"loss":9.5,"mlm_loss":8.75,"nsp_loss":0.75,"lr":1e-7,"grad_norm":0.3333333333333333,"tokens_per_second":1234.5,"flops":2738000000}`,
		`{"kind":"train","step":10,"loss":9.5,"mlm_loss":8.75,"nsp_loss":0.75,"lr":1e-7,"grad_norm":0.3333333333333333,"flops":2738000000}`,
	},
	{
		&Eval{Step: 20, MLMLoss: 2, MLMAccuracy: 0.5, NSPLoss: 0.25, NSPAccuracy: 1},
		`{"kind":"eval","step":20,"mlm_loss":2,"mlm_accuracy":0.5,"nsp_loss":0.25,"nsp_accuracy":1}`,
		`{"kind":"eval","step":20,"mlm_loss":2,"mlm_accuracy":0.5,"nsp_loss":0.25,"nsp_accuracy":1}`,
	},
	{
		&Topology{Step: 30, Update: 2, PruneRatio: 0.5, Pruned: 9007199254740993, ExploredDOF: 0.2, RemovedNewRatio: new(0.1), Turnover: 0.3, MeanAge: 7.5, EmptyRows: 2, EmptyCols: 3, Seconds: 0.004},
		`{"kind":"topology","step":30,"update":2,"prune_ratio":0.5,"pruned":9007199254740993,"explored_dof":0.2,"removed_new_ratio":0.1,"turnover":0.3,"mean_age":7.5,"empty_rows":2,"empty_cols":3,"seconds":0.004}`,
		`{"kind":"topology","step":30,"update":2,"prune_ratio":0.5,"pruned":9007199254740993,"explored_dof":0.2,"removed_new_ratio":0.1,"turnover":0.3,"mean_age":7.5,"empty_rows":2,"empty_cols":3}`,
	},
}

// Lines with text in them, which the short way of decode leaves to the long one.
func init() {
	lines = append(lines, []struct {
		record     Record
		line       string
		comparable string
	}{
		{
			&Tensor{Step: 30, Tensor: `a<"b`, Pruned: 4, ExploredDOF: 0.2, RemovedNewRatio: new(0.1), Turnover: 0.3, MeanAge: 7.5, EmptyRows: 2, EmptyCols: 3},
			`{"kind":"tensor","step":30,"tensor":"a\u003c\"b","pruned":4,"explored_dof":0.2,"removed_new_ratio":0.1,"turnover":0.3,"mean_age":7.5,"empty_rows":2,"empty_cols":3}`,
			`{"kind":"tensor","step":30,"tensor":"a\u003c\"b","pruned":4,"explored_dof":0.2,"removed_new_ratio":0.1,"turnover":0.3,"mean_age":7.5,"empty_rows":2,"empty_cols":3}`,
		},
		{
			&Test{Eval{Step: 20, MLMLoss: 2, MLMAccuracy: 0.5, NSPLoss: 0.25, NSPAccuracy: 1}},
			`{"kind":"test","step":20,"mlm_loss":2,"mlm_accuracy":0.5,"nsp_loss":0.25,"nsp_accuracy":1}`,
			`{"kind":"test","step":20,"mlm_loss":2,"mlm_accuracy":0.5,"nsp_loss":0.25,"nsp_accuracy":1}`,
		},
		{
			&Tensor{Step: 30, Tensor: "w"},
			`{"kind":"tensor","step":30,"tensor":"w","pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0}`,
			`{"kind":"tensor","step":30,"tensor":"w","pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0}`,
		},
		{
			&Topology{Step: 30, Update: 2},
			`{"kind":"topology","step":30,"update":2,"prune_ratio":0,"pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"seconds":0}`,
			`{"kind":"topology","step":30,"update":2,"prune_ratio":0,"pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0}`,
		},
		{
			&Snapshot{Step: 30, Tensor: "w", Rows: 2, Cols: 3, Cells: []byte{0, 255, 128, 0, 0, 7}},
			`{"kind":"picture","step":30,"tensor":"w","rows":2,"cols":3,"cells":"AP+AAAAH"}`,
			`{"kind":"picture","step":30,"tensor":"w","rows":2,"cols":3,"cells":"AP+AAAAH"}`,
		},
		{
			&Cost{Step: 40, Seconds: 2, DataSeconds: 0.25, StepSeconds: 1, UpdateSeconds: 0.5, EvalSeconds: 0.125, SaveSeconds: 0.0625, HostBytes: 1 << 40, DeviceBytes: 5},
			`{"kind":"cost","step":40,"seconds":2,"data_seconds":0.25,"step_seconds":1,"update_seconds":0.5,"eval_seconds":0.125,"save_seconds":0.0625,"host_bytes":1099511627776,"device_bytes":5}`,
			`{"kind":"cost","step":40}`,
		},
		{
			&Tensor{Step: 30, Tensor: "w", Active: 5, AblatedRows: 2},
			`{"kind":"tensor","step":30,"tensor":"w","pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"active":5,"ablated_rows":2}`,
			`{"kind":"tensor","step":30,"tensor":"w","pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"active":5,"ablated_rows":2}`,
		},
		{
			&Train{Step: 10, TokensPerWeight: 2.5, PredictionsPerWeight: 0.5, MFU: 0.25, SecondsLeft: 3},
			`{"kind":"train","step":10,"loss":0,"mlm_loss":0,"nsp_loss":0,"lr":0,"grad_norm":0,"tokens_per_second":0,"flops":0,"tokens_per_weight":2.5,"predictions_per_weight":0.5,"mfu":0.25,"seconds_left":3}`,
			`{"kind":"train","step":10,"loss":0,"mlm_loss":0,"nsp_loss":0,"lr":0,"grad_norm":0,"flops":0,"tokens_per_weight":2.5,"predictions_per_weight":0.5}`,
		},
		{ // later columns between missing ones
			&Tensor{Step: 30, Tensor: "w", Active: 5, Positions: 50, NewbornShare: new(0.2), StartShare: new(0.), Survival2: new(0.25)},
			`{"kind":"tensor","step":30,"tensor":"w","pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"active":5,"positions":50,"newborn_share":0.2,"start_share":0,"survival_2":0.25}`,
			`{"kind":"tensor","step":30,"tensor":"w","pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"active":5,"positions":50,"newborn_share":0.2,"start_share":0,"survival_2":0.25}`,
		},
		{
			&Topology{Step: 30, Active: 5, Positions: 50, NewbornShare: new(0.2), RemovedNewDense: new(0.01), StartShare: new(0.5),
				Survival1: new(0.1), Survival2: new(0.2), Survival4: new(0.4), Survival8: new(0.8), NewbornNorm: new(1.5)},
			`{"kind":"topology","step":30,"update":0,"prune_ratio":0,"pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"seconds":0,"active":5,"positions":50,"newborn_share":0.2,"removed_new_dense":0.01,"start_share":0.5,"survival_1":0.1,"survival_2":0.2,"survival_4":0.4,"survival_8":0.8,"newborn_norm":1.5}`,
			`{"kind":"topology","step":30,"update":0,"prune_ratio":0,"pruned":0,"explored_dof":0,"removed_new_ratio":null,"turnover":0,"mean_age":0,"empty_rows":0,"empty_cols":0,"active":5,"positions":50,"newborn_share":0.2,"removed_new_dense":0.01,"start_share":0.5,"survival_1":0.1,"survival_2":0.2,"survival_4":0.4,"survival_8":0.8,"newborn_norm":1.5}`,
		},
	}...)
}

func TestLinesAreAsDocumented(t *testing.T) {
	for _, c := range lines {
		line, err := encode(c.record, true)
		if err != nil || string(line) != c.line {
			t.Errorf("got  %s (%v)\nwant %s", line, err, c.line)
		}
		back, err := decode([]byte(c.line))
		if err != nil || !reflect.DeepEqual(back, c.record) {
			t.Errorf("read back: got %+v (%v), want %+v", back, err, c.record)
		}
		got, err := Comparable([]byte(c.line))
		if err != nil || string(got) != c.comparable {
			t.Errorf("comparable: got %s (%v)\nwant %s", got, err, c.comparable)
		}
		// Another reader of JSON finds the same numbers.
		var free map[string]any
		if err := json.Unmarshal(line, &free); err != nil || free["kind"] != c.record.Kind() || free["step"] != float64(c.record.At()) {
			t.Errorf("%s: encoding/json reads %v (%v)", line, free, err)
		}
	}
}

// The short way is taken by what Log writes, and reads the same.
func TestShortWay(t *testing.T) {
	for _, c := range lines {
		short := decodeWritten([]byte(c.line))
		switch c.record.(type) {
		case *Tensor, *Snapshot:
			if short != nil {
				t.Errorf("%s: the short way reads text", c.line)
			}
		default:
			if !reflect.DeepEqual(short, c.record) {
				t.Errorf("%s: the short way reads %+v", c.line, short)
			}
		}
	}
	for _, number := range []string{"01", "+1", ".5", "1.", "1e", "1e+", "-", "", "0x1", "1_0", "Inf", "NaN", "1 "} {
		if n := numberEnd([]byte(number)); n == len(number) && n > 0 {
			t.Errorf("%q is read as a JSON number", number)
		}
	}
}

func TestFloatsAreExact(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 0.1, 1 / 3.0, float64(float32(0.1)), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 123456789012345678} {
		line, err := encode(&Train{Loss: v}, true)
		if err != nil {
			t.Fatal(err)
		}
		r, err := decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.(*Train).Loss; math.Float64bits(got) != math.Float64bits(v) {
			t.Errorf("%v reads back as %v", v, got)
		}
	}
}

func TestNotFiniteIsRefused(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := encode(&Eval{Step: 4, NSPLoss: v}, true)
		if err == nil || !strings.Contains(err.Error(), "eval record of step 4: found nsp_loss") {
			t.Errorf("%v: got %v", v, err)
		}
	}
}

func TestMalformedLines(t *testing.T) {
	good := lines[1].line
	for name, c := range map[string]struct{ line, want string }{
		"empty":                       {"", "found text that is not JSON"},
		"cut":                         {good[:len(good)-1], "found text that is not JSON"},
		"two":                         {good + good, "found text that is not JSON"},
		"list":                        {"[]", "found no kind"},
		"kind later":                  {`{"step":1,"kind":"eval"}`, "found no kind"},
		"unknown kind":                {`{"kind":"tests","step":1}`, `found kind "tests", expected train, eval, test, topology, tensor, picture or cost`},
		"missing key":                 {strings.Replace(good, `"nsp_loss":0.25,`, "", 1), `found "nsp_accuracy", expected key "nsp_loss" of kind eval`},
		"doubled key":                 {strings.Replace(good, `"step":20`, `"step":20,"step":20`, 1), `found "step", expected key "mlm_loss"`},
		"extra key":                   {strings.Replace(good, `}`, `,"x":1}`, 1), `found "x", expected the end`},
		"other case":                  {strings.Replace(good, `step`, `Step`, 1), `found "Step", expected key "step"`},
		"text":                        {strings.Replace(good, `20`, `"20"`, 1), `found no number under step`},
		"nested":                      {strings.Replace(good, `20`, `[20]`, 1), `found no number under step`},
		"fraction":                    {strings.Replace(good, `20`, `20.5`, 1), `found step "20.5"`},
		"negative step":               {strings.Replace(good, `20`, `-20`, 1), `found step -20, expected 0 or more`},
		"number as text":              {strings.Replace(lines[3].line, `"a\u003c\"b"`, `7`, 1), `found no text under tensor`},
		"cells":                       {strings.Replace(lines[7].line, `AP+AAAAH`, `AP+AAAA`, 1), `found cells "AP+AAAA", expected base64`},
		"cells as number":             {strings.Replace(lines[7].line, `"AP+AAAAH"`, `7`, 1), `found no text under cells`},
		"too few cells":               {strings.Replace(lines[7].line, `"rows":2`, `"rows":3`, 1), `found 6 cells of a picture of 3 x 3`},
		"negative rows":               {strings.Replace(strings.Replace(lines[7].line, `"rows":2`, `"rows":-2`, 1), `"cols":3`, `"cols":-3`, 1), `found 6 cells of a picture of -2 x -3`},
		"null":                        {strings.Replace(good, `20`, `null`, 1), `found no number under step`},
		"later keys in another order": {strings.Replace(lines[len(lines)-2].line, `"active":5,"positions":50`, `"positions":50,"active":5`, 1), `found "active", expected the end of the tensor record`},
		"out of range":                {strings.Replace(good, `0.5`, `1e999`, 1), `found mlm_accuracy "1e999"`},
	} {
		_, err := decode([]byte(c.line))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// Whatever the line: no panic, one line of error, and what is accepted reads
// back the same from what is written.
func FuzzDecode(f *testing.F) {
	for _, c := range lines {
		f.Add([]byte(c.line))
		f.Add([]byte(c.line[:len(c.line)/2]))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decode(line)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("error %q: want one line that wraps ErrMalformed", err)
			}
			return
		}
		if short := decodeWritten(line); short != nil {
			if long, err := decodeJSON(line); err != nil || !reflect.DeepEqual(short, long) {
				t.Fatalf("%s: the short way reads %+v, the long one %+v (%v)", line, short, long, err)
			}
		}
		out, err := encode(r, true)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(out)
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%s: reads back as %+v (%v)", out, back, err)
		}
		once, err := Comparable(line)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Comparable(out); err != nil || !bytes.Equal(once, again) {
			t.Fatalf("comparable differs after a round trip: %s, %s (%v)", once, again, err)
		}
	})
}
