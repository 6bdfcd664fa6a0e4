package ptxsim

// kind is how the bits of a PTX type are read.
type kind uint8

const (
	kindBits  kind = iota // untyped
	kindUint              // unsigned integer
	kindInt               // two's complement
	kindFloat             // IEEE 754
	kindBF16              // bfloat16, alone or packed in pairs
	kindHalf2             // two f16
	kindPred              // predicate
)

// typ is a PTX fundamental type.
type typ struct {
	kind kind
	bits int
}

func (t typ) bytes() int     { return t.bits / 8 }
func (t typ) integer() bool  { return t.kind <= kindInt }
func (t typ) signed() bool   { return t.kind == kindInt }
func (t typ) mask() uint64   { return ^uint64(0) >> (64 - t.bits) }
func (t typ) is32() bool     { return t.bits == 32 }
func (t typ) String() string { return typeNames[t] }

// excludes says that an operand of type t may be no register of type r: one of them is an integer, the other one
// a floating-point number (PTX, "Operand Type Checking").
func (t typ) excludes(r typ) bool {
	number := func(t typ) bool { return t.kind == kindUint || t.kind == kindInt }
	return number(t) && !r.integer() || number(r) && !t.integer()
}

var types = map[string]typ{
	"b8": {kindBits, 8}, "b16": {kindBits, 16}, "b32": {kindBits, 32}, "b64": {kindBits, 64},
	"u8": {kindUint, 8}, "u16": {kindUint, 16}, "u32": {kindUint, 32}, "u64": {kindUint, 64},
	"s8": {kindInt, 8}, "s16": {kindInt, 16}, "s32": {kindInt, 32}, "s64": {kindInt, 64},
	"f16": {kindFloat, 16}, "f32": {kindFloat, 32}, "f64": {kindFloat, 64},
	"bf16": {kindBF16, 16}, "bf16x2": {kindBF16, 32}, "f16x2": {kindHalf2, 32},
	"pred": {kindPred, 1},
}

var typeNames = func() map[typ]string {
	m := map[typ]string{}
	for name, t := range types {
		m[t] = name
	}
	return m
}()

var (
	b32 = types["b32"]
	u32 = types["u32"]
	b64 = types["b64"]
	f32 = types["f32"]
	f64 = types["f64"]
)

// space is a PTX state space.
type space uint8

const (
	spaceGeneric space = iota
	spaceGlobal
	spaceShared
	spaceLocal
	spaceConst
	spaceParam
	spaceReg
	spaceCluster // shared memory of the blocks of a cluster
)

var spaces = map[string]space{
	"global": spaceGlobal, "shared": spaceShared, "shared::cta": spaceShared, "shared::cluster": spaceCluster, "local": spaceLocal, "const": spaceConst, "param": spaceParam,
}

func (s space) String() string {
	return [...]string{"generic", "global", "shared", "local", "const", "param", "reg", "shared::cluster"}[s]
}

// symbol is a declared register or variable.
type symbol struct {
	name  string
	space space
	typ   typ
	size  int    // bytes of a variable
	align int    // bytes
	init  []byte // initial value of a .global or .const variable, shorter than size where zeros follow
	line  int

	links  []link    // addresses in the initial value
	vector []*symbol // the parts of a vector register

	extern bool // .extern .shared name[]: the launch's dynamic shared memory
	kernel bool // parameter of an .entry
}

// link is an address in an initial value: at byte off stands that of variable to, plus add.
type link struct {
	off int
	to  *symbol
	add uint64
}

// scope maps the names of one pair of braces.
type scope struct {
	parent *scope
	names  map[string]*symbol
	ranges map[string]regRange
	labels map[string]int      // instruction index
	tables map[string][]string // labels of .branchtargets
}

// regRange is a declaration like %r<10>.
type regRange struct {
	typ   typ
	count int
}

func newScope(parent *scope) *scope {
	return &scope{parent: parent, names: map[string]*symbol{}, ranges: map[string]regRange{}, labels: map[string]int{}, tables: map[string][]string{}}
}

// lookup finds name here or further out; nil if it is not declared.
func (s *scope) lookup(name string) *symbol {
	for ; s != nil; s = s.parent {
		if y := s.names[name]; y != nil {
			return y
		}
		end := len(name)
		for end > 0 && isDigit(name[end-1]) {
			end--
		}
		r, ok := s.ranges[name[:end]]
		if !ok || end == len(name) || len(name)-end > 7 || name[end] == '0' && len(name)-end > 1 {
			continue
		}
		n := 0
		for _, c := range []byte(name[end:]) {
			n = 10*n + int(c-'0')
		}
		if n < r.count {
			y := &symbol{name: name, space: spaceReg, typ: r.typ}
			s.names[name] = y
			return y
		}
	}
	return nil
}

// label finds the instruction that a label names; -1 if there is none.
func (s *scope) label(name string) int {
	for ; s != nil; s = s.parent {
		if i, ok := s.labels[name]; ok {
			return i
		}
	}
	return -1
}

// table finds the labels that .branchtargets lists under name; nil if there are none.
func (s *scope) table(name string) []string {
	for ; s != nil; s = s.parent {
		if t := s.tables[name]; t != nil {
			return t
		}
	}
	return nil
}
