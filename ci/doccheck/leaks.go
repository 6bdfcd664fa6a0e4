package main

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"
)

// leakFinder finds types of internal packages in what a package exports.
type leakFinder struct {
	importer types.Importer
}

// newLeakFinder reads packages from the files that the compiler made of them.
func newLeakFinder(exports map[string]string) *leakFinder {
	open := func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("found no compiled package %s, expected one", path)
		}
		return os.Open(exports[path])
	}
	return &leakFinder{importer.ForCompiler(token.NewFileSet(), "gc", open)}
}

// find lists the exported identifiers of a package through which a user meets an
// internal type: in a signature, an exported field, a method of the type, its own
// or one of an embedded field.
func (l *leakFinder) find(path string) ([]string, error) {
	pkg, err := l.importer.Import(path)
	if err != nil {
		return nil, fmt.Errorf("types of %s: %w", path, err)
	}
	w := walk{pkg: pkg, seen: map[types.Type]bool{}}
	for _, name := range pkg.Scope().Names() {
		o := pkg.Scope().Lookup(name)
		if !o.Exported() {
			continue
		}
		if t, ok := o.(*types.TypeName); ok && !t.IsAlias() {
			w.named(name, t.Type().(*types.Named))
			continue
		}
		w.visit(name, o.Type())
	}
	slices.Sort(w.lines)
	return slices.Compact(w.lines), nil
}

// walk goes through all that can be reached from a package's exported names.
type walk struct {
	pkg   *types.Package
	seen  map[types.Type]bool
	lines []string
}

// named looks at what a user can do with a type of this package.
func (w *walk) named(where string, t *types.Named) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	for i := range t.TypeParams().Len() {
		w.visit(where, t.TypeParams().At(i).Constraint())
	}
	w.visit(where, t.Underlying())
	if types.IsInterface(t) {
		return
	}
	methods := types.NewMethodSet(types.NewPointer(t)) // those of embedded fields too
	for i := range methods.Len() {
		if m := methods.At(i).Obj(); m.Exported() {
			w.visit(where+"."+m.Name(), m.Type())
		}
	}
}

// visit looks at a type as it is written.
func (w *walk) visit(where string, t types.Type) {
	switch t := t.(type) {
	case *types.Alias:
		w.reference(where, t.Obj())
		for i := range t.TypeArgs().Len() {
			w.visit(where, t.TypeArgs().At(i))
		}
		w.visit(where, t.Rhs())
	case *types.Named:
		w.reference(where, t.Obj())
		for i := range t.TypeArgs().Len() {
			w.visit(where, t.TypeArgs().At(i))
		}
		if t.Obj().Pkg() == w.pkg && !t.Obj().Exported() {
			w.named(where, t.Origin()) // it has no name for users, but they can hold one
		}
	case *types.Pointer:
		w.visit(where, t.Elem())
	case *types.Slice:
		w.visit(where, t.Elem())
	case *types.Array:
		w.visit(where, t.Elem())
	case *types.Chan:
		w.visit(where, t.Elem())
	case *types.Map:
		w.visit(where, t.Key())
		w.visit(where, t.Elem())
	case *types.Signature:
		for i := range t.TypeParams().Len() {
			w.visit(where, t.TypeParams().At(i).Constraint())
		}
		w.tuple(where, t.Params())
		w.tuple(where, t.Results())
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				w.visit(where+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for i := range t.NumEmbeddeds() {
			w.visit(where, t.EmbeddedType(i))
		}
		for m := range t.ExplicitMethods() {
			if m.Exported() {
				w.visit(where+"."+m.Name(), m.Type())
			}
		}
	case *types.Union:
		for i := range t.Len() {
			w.visit(where, t.Term(i).Type())
		}
	}
}

func (w *walk) tuple(where string, t *types.Tuple) {
	for v := range t.Variables() {
		w.visit(where, v.Type())
	}
}

// reference notes a name that comes from an internal package.
func (w *walk) reference(where string, o *types.TypeName) {
	if o.Pkg() != nil && internal(o.Pkg().Path()) && !strings.HasPrefix(o.Pkg().Path(), "internal/") {
		w.lines = append(w.lines, fmt.Sprintf("%s has the internal type %s.%s in its signature", where, o.Pkg().Path(), o.Name()))
	}
}
