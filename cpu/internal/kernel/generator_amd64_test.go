//go:build !noasm

package kernel

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The generator is a module of its own and knows the fields of tileRun by numbers. Its
// constants, read from its source, are the offsets of the fields; so are the sizes of a
// tile.
func TestGeneratorKnowsTileRun(t *testing.T) {
	known := generatorConstants(t, "gen/tile.go")
	fields := reflect.TypeFor[tileRun]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		name := "run" + strings.ToUpper(f.Name[:1]) + f.Name[1:]
		if f.Name == "ldc" || f.Name == "ldb" {
			name = "run" + strings.ToUpper(f.Name)
		}
		if at, ok := known[name]; !ok || at != int64(f.Offset) {
			t.Errorf("%s: found %d (%v), expected %d", name, at, ok, f.Offset)
		}
		delete(known, name)
	}
	if known["tileRows"] != TileRows || known["panelWidth"] != PanelWidth {
		t.Errorf("tile: found %d rows, micro-panels of %d columns, expected %d and %d", known["tileRows"], known["panelWidth"], TileRows, PanelWidth)
	}
	for name := range known {
		if strings.HasPrefix(name, "run") {
			t.Errorf("%s: found a constant for no field of tileRun", name)
		}
	}
}

// So it knows the fields of Packing, GradBlocks, GradTiles and AttnTiles.
func TestGeneratorKnowsArguments(t *testing.T) {
	for _, c := range []struct {
		file, prefix string
		fields       reflect.Type
	}{
		{"gen/packing.go", "packing", reflect.TypeFor[Packing]()}, {"gen/gradblocks.go", "blocks", reflect.TypeFor[GradBlocks]()},
		{"gen/gradtiles.go", "tiles", reflect.TypeFor[GradTiles]()}, {"gen/attntiles.go", "attn", reflect.TypeFor[AttnTiles]()},
	} {
		known := generatorConstants(t, c.file)
		for i := range c.fields.NumField() {
			f := c.fields.Field(i)
			if at, ok := known[c.prefix+f.Name]; !ok || at != int64(f.Offset) {
				t.Errorf("%s%s: found %d (%v), expected %d", c.prefix, f.Name, at, ok, f.Offset)
			}
		}
	}
}

// generatorConstants evaluates the constants of a file without its imports.
func generatorConstants(t *testing.T, file string) map[string]int64 {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	alone := &ast.File{Name: ast.NewIdent("constants")}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
			alone.Decls = append(alone.Decls, g)
		}
	}
	checked, err := new(types.Config).Check("constants", set, []*ast.File{alone}, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, name := range checked.Scope().Names() {
		if c, ok := checked.Scope().Lookup(name).(*types.Const); ok && c.Val().Kind() == constant.Int {
			values[name], _ = constant.Int64Val(c.Val())
		}
	}
	return values
}

// The best path is chosen by who made the processor, as the system names it.
func TestVendor(t *testing.T) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skipf("the system does not say who made the processor: %v", err)
	}
	if named := strings.Contains(string(text), "GenuineIntel"); intel() != named {
		t.Errorf("found %v, expected %v", intel(), named)
	}
	paths := Paths()
	expected := map[bool]Path{true: AVX512Broadcast, false: AVX512}[intel()]
	if best := paths[len(paths)-1]; native(AVX512) != nil && best != expected {
		t.Errorf("best path: found %v of %v, expected %v", best, paths, expected)
	}
}
