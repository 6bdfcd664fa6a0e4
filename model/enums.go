package model

import "github.com/sparsebert/sparsebert-gpu/internal/enum"

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

// Rest says what becomes of the weights that method Partial does not train.
type Rest uint8

// What becomes of them.
const (
	Frozen Rest = iota // they keep their values and take part in the forward pass
	Zero               // they are zero, and start from zero when they are trained again
)

// Phases says when method Partial trains a part of the encoder's weights only.
type Phases uint8

// When it does.
const (
	PhasesAlways    Phases = iota // paper, figure 1a: zero against untrained
	PhasesEarly                   // in the first half of the run (figure 1b)
	PhasesLate                    // in the second half
	PhasesAlternate               // in turn with phases that train all (appendix on alternating phases)
)

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

// The texts that flags and files use, in the order of the constants.
var (
	methodNames = enum.New[Method]("method", ErrConfig, "dynamic", "static", "dense", "partial")
	restNames   = enum.New[Rest]("partial_rest", ErrConfig, "frozen", "zero")
	phasesNames = enum.New[Phases]("partial_phases", ErrConfig, "always", "early", "late", "alternate")
	initNames   = enum.New[Init]("init", ErrConfig, "truncated-normal", "glorot")
)

// BlockSparse tells whether the encoder's weights are kept as blocks.
func (m Method) BlockSparse() bool { return m == Dynamic || m == Static }

// String returns dynamic, static, dense or partial.
func (m Method) String() string { return methodNames.String(m) }

// MarshalText returns what String does. Error: ErrConfig for a number of no method.
func (m Method) MarshalText() ([]byte, error) { return methodNames.Marshal(m) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (m *Method) UnmarshalText(text []byte) error { return methodNames.Unmarshal(m, text) }

// String returns frozen or zero.
func (r Rest) String() string { return restNames.String(r) }

// MarshalText returns what String does. Error: ErrConfig for another number.
func (r Rest) MarshalText() ([]byte, error) { return restNames.Marshal(r) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (r *Rest) UnmarshalText(text []byte) error { return restNames.Unmarshal(r, text) }

// String returns always, early, late or alternate.
func (p Phases) String() string { return phasesNames.String(p) }

// MarshalText returns what String does. Error: ErrConfig for another number.
func (p Phases) MarshalText() ([]byte, error) { return phasesNames.Marshal(p) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (p *Phases) UnmarshalText(text []byte) error { return phasesNames.Unmarshal(p, text) }

// String returns truncated-normal or glorot.
func (i Init) String() string { return initNames.String(i) }

// MarshalText returns what String does. Error: ErrConfig for another number.
func (i Init) MarshalText() ([]byte, error) { return initNames.Marshal(i) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (i *Init) UnmarshalText(text []byte) error { return initNames.Unmarshal(i, text) }

// LRSchedule says how the learning rate changes after warm-up.
type LRSchedule uint8

// The schedules of the learning rate.
const (
	LRLinear   LRSchedule = iota // to 0 at the end (paper, training recipe)
	LRCosine                     // to 0 along half a cosine
	LRConstant                   // not at all
	LRWSD                        // constant, and to 0 over the last tenth of the run (warmup, stable, decay)
)

var lrScheduleNames = enum.New[LRSchedule]("lr_schedule", ErrConfig, "linear", "cosine", "constant", "wsd")

// String returns linear, cosine, constant or wsd.
func (s LRSchedule) String() string { return lrScheduleNames.String(s) }

// MarshalText writes what String returns. Error: ErrConfig.
func (s LRSchedule) MarshalText() ([]byte, error) { return lrScheduleNames.Marshal(s) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (s *LRSchedule) UnmarshalText(text []byte) error { return lrScheduleNames.Unmarshal(s, text) }

// Clock says from when Adam's bias correction of a newborn block counts.
type Clock uint8

// The clocks.
const (
	OwnClock    Clock = iota // from its birth
	GlobalClock              // from the start of the run
)

var clockNames = enum.New[Clock]("newborn_clock", ErrConfig, "own", "global")

// String returns own or global.
func (c Clock) String() string { return clockNames.String(c) }

// MarshalText writes what String returns. Error: ErrConfig.
func (c Clock) MarshalText() ([]byte, error) { return clockNames.Marshal(c) }

// UnmarshalText reads what MarshalText writes. Error: ErrConfig.
func (c *Clock) UnmarshalText(text []byte) error { return clockNames.Unmarshal(c, text) }
