package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/enum"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Part is the part of the network that a parameter belongs to.
type Part uint8

// The parts.
const (
	Embedding Part = iota
	Attention      // Q, K, V and output
	FeedForward
	Norm // every LayerNorm outside the heads
	Pooler
	MLMHead
	NSPHead
)

var partNames = enum.New[Part]("part", ErrConfig, "embedding", "attention", "ffn", "norm", "pooler", "mlm head", "nsp head")

// String returns the name that reports use.
func (p Part) String() string { return partNames.String(p) }

// MarshalText writes the name that reports use.
func (p Part) MarshalText() ([]byte, error) { return partNames.Marshal(p) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (p *Part) UnmarshalText(text []byte) error { return partNames.Unmarshal(p, text) }

// Start is how a parameter's values start.
type Start uint8

// The starts.
const (
	StartWeight    Start = iota // by Config.Init
	StartEmbedding              // truncated normal
	StartZero
	StartOne
)

// Tensor is one row of the parameter table.
type Tensor struct {
	Name    string // Hugging Face's key, e.g. bert.encoder.layer.0.output.dense.weight
	Index   int    // position in the table
	Out, In int    // O x I; a vector has Out = 1
	Vector  bool   // bias or LayerNorm parameter
	Start   Start
	Decay   bool // weight decay applies: to all but vectors
	Part    Part
	Layer   int // encoder layer, -1 outside the encoder

	Encoder bool // one of the six weight matrices of an encoder layer
	Sparse  bool // block-sparse: Encoder, and the method is dynamic or static
	Partial bool // dense, and trained in part: Encoder, and the method is partial
	Block   int  // B; 0 when neither
	NNZ     int  // nnzb, active blocks, or those that are trained; 0 when neither
}

// Elements returns the number of elements of the dense tensor.
func (t Tensor) Elements() int { return t.Out * t.In }

// Stored returns the number of elements that exist: nnzb*B*B when block-sparse.
func (t Tensor) Stored() int {
	if t.Sparse {
		return t.NNZ * t.Block * t.Block
	}
	return t.Elements()
}

// Density returns the part of the tensor's blocks that is active, or trained: 1 when
// it is neither Sparse nor Partial.
func (t Tensor) Density() float64 {
	if t.Block == 0 {
		return 1
	}
	return float64(t.NNZ*t.Block*t.Block) / float64(t.Elements())
}

// Shape returns the shape in blocks of a tensor that is Sparse or Partial.
func (t Tensor) Shape() sparse.Shape { return sparse.Shape{Out: t.Out, In: t.In, Block: t.Block} }

// Dims returns the shape that Hugging Face gives the tensor: [In] for a vector,
// [Out, In] else.
func (t Tensor) Dims() []int {
	if t.Vector {
		return []int{t.In}
	}
	return []int{t.Out, t.In}
}

// Table returns the parameters in order: embeddings, layers, pooler, heads, of which
// those of next sentence prediction, the pooler too, are left out with NoNSP. The
// decoder of the MLM head is the token embedding and has no row of its own. The
// number of active blocks comes from the configured distribution at the
// configured density. The error wraps ErrConfig.
func Table(c Config) ([]Tensor, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var t tableBuilder
	t.sparse, t.partial = c.Method.BlockSparse(), c.Method == Partial
	h := c.Hidden

	t.layer = -1
	t.part = Embedding
	t.embedding("bert.embeddings.word_embeddings", c.VocabSize, h)
	t.embedding("bert.embeddings.position_embeddings", c.MaxPositions, h)
	t.embedding("bert.embeddings.token_type_embeddings", c.TypeVocab, h)
	t.norm("bert.embeddings.LayerNorm", Norm, h)
	for l := range c.Layers {
		t.layer = l
		prefix := fmt.Sprintf("bert.encoder.layer.%d.", l)
		t.part = Attention
		t.encoder(prefix+"attention.self.query", h, h)
		t.encoder(prefix+"attention.self.key", h, h)
		t.encoder(prefix+"attention.self.value", h, h)
		t.encoder(prefix+"attention.output.dense", h, h)
		t.norm(prefix+"attention.output.LayerNorm", Norm, h)
		t.part = FeedForward
		t.encoder(prefix+"intermediate.dense", c.FFN, h)
		t.encoder(prefix+"output.dense", h, c.FFN)
		t.norm(prefix+"output.LayerNorm", Norm, h)
	}
	t.layer = -1
	if !c.NoNSP {
		t.part = Pooler
		t.dense("bert.pooler.dense", h, h)
	}
	t.part = MLMHead
	t.vector("cls.predictions.bias", MLMHead, c.VocabSize, StartZero)
	t.dense("cls.predictions.transform.dense", h, h)
	t.norm("cls.predictions.transform.LayerNorm", MLMHead, h)
	if !c.NoNSP {
		t.part = NSPHead
		t.dense("cls.seq_relationship", 2, h)
	}

	if err := distribute(t.rows, c); err != nil {
		return nil, err
	}
	return t.rows, nil
}

// tableBuilder appends rows; part and layer are those of the rows to come.
type tableBuilder struct {
	rows            []Tensor
	part            Part
	layer           int
	sparse, partial bool
}

func (b *tableBuilder) add(t Tensor) {
	t.Index = len(b.rows)
	t.Layer = b.layer
	b.rows = append(b.rows, t)
}

func (b *tableBuilder) embedding(name string, out, in int) {
	b.add(Tensor{Name: name + ".weight", Out: out, In: in, Start: StartEmbedding, Decay: true, Part: b.part})
}

func (b *tableBuilder) dense(name string, out, in int) {
	b.add(Tensor{Name: name + ".weight", Out: out, In: in, Start: StartWeight, Decay: true, Part: b.part})
	b.vector(name+".bias", b.part, out, StartZero)
}

func (b *tableBuilder) encoder(name string, out, in int) {
	b.add(Tensor{
		Name: name + ".weight", Out: out, In: in, Start: StartWeight, Decay: true, Part: b.part,
		Encoder: true, Sparse: b.sparse, Partial: b.partial,
	})
	b.vector(name+".bias", b.part, out, StartZero)
}

func (b *tableBuilder) norm(name string, part Part, n int) {
	b.vector(name+".weight", part, n, StartOne)
	b.vector(name+".bias", part, n, StartZero)
}

func (b *tableBuilder) vector(name string, part Part, n int, s Start) {
	b.add(Tensor{Name: name, Out: 1, In: n, Vector: true, Start: s, Part: part})
}

// distribute fills Block and NNZ of the sparse and partial rows.
func distribute(rows []Tensor, c Config) error {
	var shapes []sparse.Shape
	var at []int
	for i := range rows {
		if rows[i].Sparse || rows[i].Partial {
			rows[i].Block = c.BlockSize
			shapes = append(shapes, rows[i].Shape())
			at = append(at, i)
		}
	}
	if len(shapes) == 0 {
		return nil
	}
	counts, err := sparse.Distribute(shapes, c.Density(), c.Distribution)
	if empty, ok := errors.AsType[*sparse.EmptyTensorError](err); ok {
		t := rows[at[empty.Index]]
		most := math.Floor((1-empty.Enough)*1e6) / 1e6
		return fmt.Errorf("%w: sparsity %v: found no active block in %s (%d x %d, block size %d), expected at most %v so that it keeps one",
			ErrConfig, c.Sparsity, t.Name, t.Out, t.In, t.Block, most)
	}
	if err != nil {
		return fmt.Errorf("%w: distributing blocks over the encoder's weights: %w", ErrConfig, err)
	}
	for k, i := range at {
		rows[i].NNZ = counts[k]
	}
	return nil
}

// Counts are parameter totals.
type Counts struct {
	Parameters     int64 `json:"parameters"`                // dense size of everything
	Stored         int64 `json:"stored_parameters"`         // elements that exist
	Encoder        int64 `json:"encoder_parameters"`        // dense size of the encoder's weight matrices
	EncoderActive  int64 `json:"active_encoder_parameters"` // of those, elements in active blocks
	EmbeddingTotal int64 `json:"embedding_parameters"`      // token, position and segment tables
}

// Count adds up a table.
func Count(table []Tensor) Counts {
	var n Counts
	for _, t := range table {
		n.Parameters += int64(t.Elements())
		n.Stored += int64(t.Stored())
		if t.Encoder {
			n.Encoder += int64(t.Elements())
			n.EncoderActive += int64(t.Stored())
		}
		if t.Part == Embedding {
			n.EmbeddingTotal += int64(t.Elements())
		}
	}
	return n
}

// rescale returns the factor of variance rescaling, 1/sqrt(density) with the
// density that the tensor really has, so that a sparse row keeps the output
// variance of a dense one.
func (t Tensor) rescale() float64 {
	if !t.Sparse {
		return 1
	}
	return math.Sqrt(float64(t.Elements()) / float64(t.Stored()))
}
