package model

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// linear is a dense or block-sparse layer y = x W^T + b.
type linear struct{ w, b backend.Param }

// norm is a LayerNorm.
type norm struct{ gamma, beta backend.Param }

// layer is one encoder layer.
type layer struct {
	query, key, value, attnOut linear
	attnNorm                   norm
	up, down                   linear
	ffnNorm                    norm
}

// projections are the weights and biases that make query, key and value of x.
func (p *layer) projections() (w, b []backend.Param) {
	return []backend.Param{p.query.w, p.key.w, p.value.w}, []backend.Param{p.query.b, p.key.b, p.value.b}
}

// network gives the parameters their roles.
type network struct {
	word, pos, typ backend.Param
	embNorm        norm
	layers         []layer
	pooler         linear
	transform      linear
	transformNorm  norm
	decoderBias    backend.Param
	nsp            linear // with pooler: none with Config.NoNSP
}

// newNetwork looks the parameters up by table name.
func newNetwork(table []Tensor, params []backend.Param, c Config) (network, error) {
	byName := make(map[string]backend.Param, len(table))
	for i, t := range table {
		byName[t.Name] = params[i]
	}
	var missing error
	get := func(name string) backend.Param {
		p, ok := byName[name]
		if !ok && missing == nil {
			missing = fmt.Errorf("parameter table: found no %s, expected one", name)
		}
		return p
	}
	lin := func(name string) linear { return linear{get(name + ".weight"), get(name + ".bias")} }
	nrm := func(name string) norm { return norm{get(name + ".weight"), get(name + ".bias")} }

	n := network{
		word:          get("bert.embeddings.word_embeddings.weight"),
		pos:           get("bert.embeddings.position_embeddings.weight"),
		typ:           get("bert.embeddings.token_type_embeddings.weight"),
		embNorm:       nrm("bert.embeddings.LayerNorm"),
		transform:     lin("cls.predictions.transform.dense"),
		transformNorm: nrm("cls.predictions.transform.LayerNorm"),
		decoderBias:   get("cls.predictions.bias"),
	}
	if !c.NoNSP {
		n.pooler, n.nsp = lin("bert.pooler.dense"), lin("cls.seq_relationship")
	}
	for l := range c.Layers {
		p := fmt.Sprintf("bert.encoder.layer.%d.", l)
		n.layers = append(n.layers, layer{
			query:    lin(p + "attention.self.query"),
			key:      lin(p + "attention.self.key"),
			value:    lin(p + "attention.self.value"),
			attnOut:  lin(p + "attention.output.dense"),
			attnNorm: nrm(p + "attention.output.LayerNorm"),
			up:       lin(p + "intermediate.dense"),
			down:     lin(p + "output.dense"),
			ffnNorm:  nrm(p + "output.LayerNorm"),
		})
	}
	return n, missing
}
