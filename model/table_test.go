package model_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func table(t *testing.T, c model.Config) []model.Tensor {
	t.Helper()
	rows, err := model.Table(c)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestTableNamesAndShapes spells out the table of a one-layer model.
func TestTableNamesAndShapes(t *testing.T) {
	c := smallConfig(model.Dynamic, 4)
	c.Layers = 1
	want := strings.Fields(`
		bert.embeddings.word_embeddings.weight:40x16
		bert.embeddings.position_embeddings.weight:10x16
		bert.embeddings.token_type_embeddings.weight:2x16
		bert.embeddings.LayerNorm.weight:16 bert.embeddings.LayerNorm.bias:16
		bert.encoder.layer.0.attention.self.query.weight:16x16* bert.encoder.layer.0.attention.self.query.bias:16
		bert.encoder.layer.0.attention.self.key.weight:16x16* bert.encoder.layer.0.attention.self.key.bias:16
		bert.encoder.layer.0.attention.self.value.weight:16x16* bert.encoder.layer.0.attention.self.value.bias:16
		bert.encoder.layer.0.attention.output.dense.weight:16x16* bert.encoder.layer.0.attention.output.dense.bias:16
		bert.encoder.layer.0.attention.output.LayerNorm.weight:16 bert.encoder.layer.0.attention.output.LayerNorm.bias:16
		bert.encoder.layer.0.intermediate.dense.weight:32x16* bert.encoder.layer.0.intermediate.dense.bias:32
		bert.encoder.layer.0.output.dense.weight:16x32* bert.encoder.layer.0.output.dense.bias:16
		bert.encoder.layer.0.output.LayerNorm.weight:16 bert.encoder.layer.0.output.LayerNorm.bias:16
		bert.pooler.dense.weight:16x16 bert.pooler.dense.bias:16
		cls.predictions.bias:40
		cls.predictions.transform.dense.weight:16x16 cls.predictions.transform.dense.bias:16
		cls.predictions.transform.LayerNorm.weight:16 cls.predictions.transform.LayerNorm.bias:16
		cls.seq_relationship.weight:2x16 cls.seq_relationship.bias:2`)
	var got []string
	for i, row := range table(t, c) {
		s := row.Name + ":"
		for k, d := range row.Dims() {
			if k > 0 {
				s += "x"
			}
			s += strconv.Itoa(d)
		}
		if row.Sparse {
			s += "*"
		}
		got = append(got, s)

		vector := strings.HasSuffix(row.Name, "bias") || strings.Contains(row.Name, "LayerNorm")
		inLayer := strings.Contains(row.Name, ".layer.0.")
		if row.Index != i || row.Vector != vector || row.Decay == vector || (row.Layer == 0) != inLayer {
			t.Errorf("row %d: found %+v", i, row)
		}
		if row.Sparse && (row.NNZ != row.Elements()/16/2 || row.Stored() != row.Elements()/2 || row.Block != 4) || !row.Sparse && row.Stored() != row.Elements() {
			t.Errorf("row %d: found %+v, expected half of its blocks", i, row)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestParameterCounts holds the totals against those published for BERT-Base
// (uncased, with both heads) and against sums by hand.
func TestParameterCounts(t *testing.T) {
	c := preset(t, "base")
	n := model.Count(table(t, c))
	if n.Parameters != 110106428 {
		t.Errorf("base: found %d parameters, expected 110106428", n.Parameters)
	}
	if n.Encoder != 12*12*768*768 || n.EmbeddingTotal != (30522+512+2)*768 {
		t.Errorf("base: found %+v", n)
	}
	// Per layer: 4 tensors of 48x48 blocks and 2 of 192x48, a tenth of each, rounded.
	if want := int64(12 * (4*230 + 2*922) * 256); n.EncoderActive != want || n.Stored != n.Parameters-n.Encoder+want {
		t.Errorf("base: found %+v, expected %d active", n, want)
	}
	c.Method = model.Dense
	if n := model.Count(table(t, c)); n.Stored != n.Parameters || n.EncoderActive != n.Encoder || n.Parameters != 110106428 {
		t.Errorf("dense base: found %+v", n)
	}
}

// TestDistributionIsObeyed: ERK keeps the total and moves density to small tensors.
func TestDistributionIsObeyed(t *testing.T) {
	c := preset(t, "tiny")
	uniform := model.Count(table(t, c))
	c.Distribution = sparse.ERK
	rows := table(t, c)
	erk := model.Count(rows)
	if d := erk.EncoderActive - uniform.EncoderActive; d > 12*256 || d < -12*256 {
		t.Errorf("found %d active elements, expected about %d", erk.EncoderActive, uniform.EncoderActive)
	}
	density := func(name string) float64 {
		i := slices.IndexFunc(rows, func(r model.Tensor) bool { return strings.HasSuffix(r.Name, name) })
		return float64(rows[i].Stored()) / float64(rows[i].Elements())
	}
	if q, f := density("query.weight"), density("intermediate.dense.weight"); !(q > 1.3*f) {
		t.Errorf("found densities %v (query) and %v (FFN), expected more in the smaller tensor", q, f)
	}
}
