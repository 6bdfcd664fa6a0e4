package model

import (
	"fmt"
	"strings"
)

// Method says how the encoder's weights are kept.
type Method uint8

// The methods.
const (
	Dynamic Method = iota // block-sparse, the topology moves during training
	Static                // block-sparse, the starting topology stays
	Dense                 // no sparsity
	// Partial keeps dense weights of which, always or in phases, only a part is
	// trained (paper, figure 1 and appendix on alternating phases).
	Partial
)

var methodNames = []string{"dynamic", "static", "dense", "partial"}

// String returns the flag's text.
func (m Method) String() string { return enumName(methodNames, uint8(m)) }

// BlockSparse tells whether the encoder's weights are kept as blocks.
func (m Method) BlockSparse() bool { return m == Dynamic || m == Static }

// ParseMethod reads dynamic, static, dense or partial. The error wraps ErrConfig.
func ParseMethod(s string) (Method, error) {
	i, err := parseEnum("method", methodNames, s)
	return Method(i), err
}

// MarshalText writes the flag's text.
func (m Method) MarshalText() ([]byte, error) { return marshalEnum("method", methodNames, uint8(m)) }

// UnmarshalText reads what ParseMethod reads.
func (m *Method) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMethod(string(b))
	return err
}

// Rest says what becomes of the weights that method Partial does not train.
type Rest uint8

// What becomes of them.
const (
	Frozen Rest = iota // they keep their values and take part in the forward pass
	Zero               // they are zero, and start from zero when they are trained again
)

var restNames = []string{"frozen", "zero"}

// String returns the flag's text.
func (r Rest) String() string { return enumName(restNames, uint8(r)) }

// ParseRest reads frozen or zero. The error wraps ErrConfig.
func ParseRest(s string) (Rest, error) {
	i, err := parseEnum("partial_rest", restNames, s)
	return Rest(i), err
}

// MarshalText writes the flag's text.
func (r Rest) MarshalText() ([]byte, error) { return marshalEnum("partial_rest", restNames, uint8(r)) }

// UnmarshalText reads what ParseRest reads.
func (r *Rest) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRest(string(b))
	return err
}

// Init says from which distribution the weight matrices start. Embeddings always
// use the truncated normal, biases start at 0, LayerNorm scales at 1.
type Init uint8

// The initial distributions.
const (
	// TruncatedNormal is a normal of standard deviation 0.02, cut at two standard
	// deviations (BERT's; paper, algorithm step 1).
	TruncatedNormal Init = iota
	// Glorot is uniform in +-sqrt(6/(I+O)) (Glorot and Bengio 2010, formula 16).
	Glorot
)

var initNames = []string{"truncated-normal", "glorot"}

// String returns the flag's text.
func (i Init) String() string { return enumName(initNames, uint8(i)) }

// ParseInit reads truncated-normal or glorot. The error wraps ErrConfig.
func ParseInit(s string) (Init, error) {
	i, err := parseEnum("init", initNames, s)
	return Init(i), err
}

// MarshalText writes the flag's text.
func (i Init) MarshalText() ([]byte, error) { return marshalEnum("init", initNames, uint8(i)) }

// UnmarshalText reads what ParseInit reads.
func (i *Init) UnmarshalText(b []byte) (err error) {
	*i, err = ParseInit(string(b))
	return err
}

func enumName(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func parseEnum(what string, names []string, s string) (uint8, error) {
	for i, n := range names {
		if s == n {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("%w: %s: found %q, expected one of %s", ErrConfig, what, s, strings.Join(names, ", "))
}

func marshalEnum(what string, names []string, i uint8) ([]byte, error) {
	if int(i) >= len(names) {
		return nil, fmt.Errorf("%w: %s: found number %d, expected one of %s", ErrConfig, what, i, strings.Join(names, ", "))
	}
	return []byte(names[i]), nil
}
