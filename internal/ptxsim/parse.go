package ptxsim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Module is parsed and decoded PTX. It is immutable: any number of devices
// may launch its kernels.
type Module struct {
	name    string
	target  Target
	kernels map[string]*Kernel
	funcs   map[string]*function
	globals []*symbol // .global and .const variables in order of declaration
	top     *scope
}

// Kernel is one .entry of a module.
type Kernel struct {
	name   string
	module *Module
	fn     *function
	prog   *program
}

// Name returns the kernel's name in the PTX text.
func (k *Kernel) Name() string { return k.name }

// ParamSizes returns the size in bytes of each parameter.
func (k *Kernel) ParamSizes() []int {
	sizes := make([]int, len(k.fn.params))
	for i, p := range k.fn.params {
		sizes[i] = p.size
	}
	return sizes
}

// SharedBytes returns the bytes of the kernel's static shared variables,
// without the gaps that the simulator leaves between them.
func (k *Kernel) SharedBytes() int { return k.prog.sharedStatic }

// ClusterBlocks returns the blocks of a cluster, 1 without a cluster directive.
func (k *Kernel) ClusterBlocks() int { return max(1, product(k.fn.cluster)) }

// LocalBytes returns the bytes of local memory of a thread, parameters of functions included.
func (k *Kernel) LocalBytes() int { return k.prog.localSize }

// Kernel returns the kernel called name, or nil.
func (m *Module) Kernel(name string) *Kernel { return m.kernels[name] }

// Kernels returns the names of all kernels, sorted.
func (m *Module) Kernels() []string { return slices.Sorted(maps.Keys(m.kernels)) }

// function is an .entry or .func.
type function struct {
	name    string
	line    int
	results []*symbol
	params  []*symbol
	body    []inst
	defined bool
	maxTid  []int // .maxntid, nil if absent
	reqTid  []int // .reqntid, nil if absent
	cluster []int // .reqnctapercluster, nil if absent

	explicitCluster bool
	vars            []*symbol
	scope           *scope
}

const (
	maxRegisters = 1 << 16 // per declaration
	maxVariable  = 1 << 28 // bytes
)

// Parse reads and decodes PTX text. name stands for the text in errors. An
// instruction, modifier, type or directive that the simulator does not execute
// is an error that wraps ErrLoad and names it and its line.
func Parse(name, text string) (*Module, error) {
	toks, err := lex(name, text)
	if err != nil {
		return nil, err
	}
	m := &Module{name: name, kernels: map[string]*Kernel{}, funcs: map[string]*function{}, top: newScope(nil)}
	p := &parser{file: name, toks: toks, mod: m, scope: m.top}
	p.run(p.module)
	if p.err != nil {
		return nil, p.err
	}
	if err := decodeModule(m); err != nil {
		return nil, err
	}
	if m.target.Arch == 0 {
		return nil, loadError(name, 1, "found no .target directive, expected one")
	}
	return m, nil
}

type parser struct {
	file  string
	toks  []token
	pos   int
	mod   *Module
	scope *scope
	fn    *function
	err   error
}

// stop is what fail panics with, to leave the descent; run recovers it.
type stop struct{}

func (p *parser) run(f func()) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stop); !ok {
				panic(r)
			}
		}
	}()
	f()
}

func (p *parser) fail(line int, format string, args ...any) {
	p.err = loadError(p.file, line, format, args...)
	panic(stop{})
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) next() token {
	t := p.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// accept takes the next token if it reads text.
func (p *parser) accept(text string) bool {
	if t := p.peek(); t.text == text && (t.kind == tokPunct || t.kind == tokWord) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(text string) {
	if t := p.peek(); !p.accept(text) {
		p.fail(t.line, "found %q, expected %q", t.text, text)
	}
}

func (p *parser) word(what string) token {
	t := p.next()
	if t.kind != tokWord {
		p.fail(t.line, "found %q, expected %s", t.text, what)
	}
	return t
}

// integer reads a literal from lo to hi.
func (p *parser) integer(what string, lo, hi int) int {
	t := p.next()
	v, err := strconv.ParseInt(strings.TrimSuffix(t.text, "U"), 0, 64)
	if t.kind != tokNumber || err != nil || v < int64(lo) || v > int64(hi) {
		p.fail(t.line, "found %q, expected %s from %d to %d", t.text, what, lo, hi)
	}
	return int(v)
}

func (p *parser) skipLine() {
	line := p.peek().line
	for p.peek().kind != tokEnd && p.peek().line == line {
		p.pos++
	}
}

// section skips what follows .section: a name and, in braces, data for a debugger.
func (p *parser) section(line int) {
	p.word("a name")
	p.expect("{")
	for {
		switch t := p.next(); {
		case t.kind == tokEnd:
			p.fail(line, "section has no closing brace")
		case t.kind == tokPunct && t.text == "}":
			return
		}
	}
}

func (p *parser) module() {
	extern := false
	for {
		t := p.next()
		switch {
		case t.kind == tokEnd:
			return
		case t.kind != tokWord:
			p.fail(t.line, "found %q, expected a directive", t.text)
		}
		switch t.text {
		case ".version":
			p.next()
		case ".target":
			p.target(t.line)
		case ".address_size":
			if n := p.integer("an address size", 32, 64); n != 64 {
				p.fail(t.line, "address size %d, expected 64", n)
			}
		case ".visible", ".weak":
		case ".extern":
			extern = true
			continue
		case ".file":
			p.skipLine()
		case ".entry", ".func":
			p.function(t.text == ".entry")
		case ".global", ".const", ".shared":
			p.variable(spaces[t.text[1:]], extern)
		case ".pragma":
			p.next()
			p.expect(";")
		case ".section":
			p.section(t.line)
		default:
			p.fail(t.line, "directive %s is not supported", t.text)
		}
		extern = false
	}
}

// variable reads what follows .global, .const, .shared, .local or .param up to
// the semicolon.
func (p *parser) variable(sp space, extern bool) {
	y := p.declaration(sp)
	y.extern = extern
	if extern && (sp != spaceShared || y.size != 0) {
		p.fail(y.line, "extern variable %s: only unsized shared arrays are supported", y.name)
	}
	if !extern && y.size == 0 {
		p.fail(y.line, "variable %s has no size", y.name)
	}
	if p.accept("=") {
		if sp != spaceGlobal && sp != spaceConst {
			p.fail(y.line, "variable %s: a %v variable cannot have an initial value", y.name, sp)
		}
		y.init = p.initializer(y)
	}
	p.expect(";")
	p.declare(y)
	switch {
	case sp == spaceGlobal || sp == spaceConst:
		p.mod.globals = append(p.mod.globals, y)
	case p.fn != nil:
		p.fn.vars = append(p.fn.vars, y)
	}
}

func (p *parser) declare(y *symbol) {
	if p.scope.names[y.name] != nil {
		p.fail(y.line, "%s is declared twice", y.name)
	}
	p.scope.names[y.name] = y
}

// declaration reads [.align n] type name[size]... ; size 0 means name[].
func (p *parser) declaration(sp space) *symbol {
	y := &symbol{space: sp}
	for p.accept(".align") {
		y.align = p.integer("an alignment", 1, 1<<16)
		if y.align&(y.align-1) != 0 {
			p.fail(p.peek().line, "alignment %d is not a power of two", y.align)
		}
	}
	t := p.word("a type")
	ty, ok := types[strings.TrimPrefix(t.text, ".")]
	if !ok || ty.kind == kindPred || t.text[0] != '.' {
		p.fail(t.line, "type %s is not supported in a variable", t.text)
	}
	for p.peek().text == ".ptr" { // .ptr .global .align n: a hint
		p.pos++
		for slices.Contains([]string{".global", ".shared", ".const", ".local"}, p.peek().text) {
			p.pos++
		}
		if p.accept(".align") {
			p.integer("an alignment", 1, 1<<16)
		}
	}
	name := p.word("a name")
	y.name, y.line, y.typ, y.size = name.text, name.line, ty, ty.bytes()
	y.align = max(y.align, ty.bytes())
	for p.accept("[") {
		if p.accept("]") {
			y.size = 0
			break
		}
		y.size *= p.integer("an array length", 0, maxVariable)
		if y.size > maxVariable {
			p.fail(name.line, "variable %s is larger than %d bytes", y.name, maxVariable)
		}
		p.expect("]")
	}
	return y
}

// initializer reads a constant or a list of constants in braces.
func (p *parser) initializer(y *symbol) []byte {
	var out []byte
	one := func() {
		o := operand{kind: opInt}
		if p.peek().kind == tokWord {
			y.links = append(y.links, p.link(y, len(out)))
		} else {
			o = p.expression()
		}
		v, err := o.bits(y.typ)
		if err != nil {
			p.fail(y.line, "initial value of %s: %v", y.name, err)
		}
		for i := range y.typ.bytes() {
			out = append(out, byte(v>>(8*i)))
		}
		if len(out) > y.size {
			p.fail(y.line, "variable %s has %d bytes and more initial values", y.name, y.size)
		}
	}
	if !p.accept("{") {
		one()
		return out
	}
	for !p.accept("}") {
		one()
		if p.peek().text != "}" {
			p.expect(",")
		}
	}
	return out
}

// link reads the address of a variable in an initial value: name, generic(name), either plus a constant.
func (p *parser) link(y *symbol, off int) link {
	t := p.next()
	parens := t.text == "generic" && p.accept("(")
	if parens {
		t = p.word("a name")
		p.expect(")")
	}
	if p.mod.funcs[t.text] != nil {
		p.fail(t.line, "variable %s holds the address of function %s: indirect calls are left out", y.name, t.text)
	}
	to := p.scope.lookup(t.text)
	if to == nil || to.space != spaceGlobal && to.space != spaceConst || y.typ.bits != 64 {
		p.fail(t.line, "initial value of %s: %s is not a global or constant variable that fits", y.name, t.text)
	}
	l := link{off: off, to: to}
	if n := p.peek().text; n == "+" || n == "-" {
		p.accept("+")
		l.add = p.integerExpression()
	}
	return l
}
