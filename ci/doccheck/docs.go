package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// undocumented lists the exported identifiers of a folder's package that no
// comment explains. A comment above a group of constants or variables, or above
// a run of methods of an interface without a blank line, explains all of it.
func undocumented(dir string) (lines []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	f := docFinder{fset: token.NewFileSet()}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(f.fset, filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		f.described = f.described || file.Doc != nil
		for _, d := range file.Decls {
			f.declaration(d)
		}
	}
	if !f.described {
		f.lines = append(f.lines, "the package has no doc comment")
	}
	return f.lines, nil
}

// docFinder collects what has no comment.
type docFinder struct {
	fset      *token.FileSet
	described bool // some file has a package comment
	lines     []string
}

func (f *docFinder) missing(at token.Pos, what string) {
	p := f.fset.Position(at)
	f.lines = append(f.lines, fmt.Sprintf("%s:%d: %s has no doc comment", filepath.Base(p.Filename), p.Line, what))
}

func (f *docFinder) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			receiver := receiverName(d.Recv.List[0].Type)
			if !ast.IsExported(receiver) {
				return
			}
			name = receiver + "." + name
		}
		if d.Name.IsExported() && d.Doc == nil {
			f.missing(d.Pos(), name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			f.spec(d, spec)
		}
	}
}

func (f *docFinder) spec(d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		if s.Doc == nil && s.Comment == nil && d.Doc == nil {
			f.missing(s.Pos(), s.Name.Name)
		}
		if i, ok := s.Type.(*ast.InterfaceType); ok {
			f.methods(s.Name.Name, i)
		}
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
				f.missing(n.Pos(), n.Name)
			}
		}
	}
}

// methods looks at an interface. A method that follows another one on the next
// line shares its comment.
func (f *docFinder) methods(name string, i *ast.InterfaceType) {
	explained, last := false, -1
	for _, m := range i.Methods.List {
		if m.Doc != nil || m.Comment != nil {
			explained = true
		} else if f.fset.Position(m.Pos()).Line != last+1 {
			explained = false
		}
		last = f.fset.Position(m.End()).Line
		for _, n := range m.Names {
			if n.IsExported() && !explained {
				f.missing(n.Pos(), name+"."+n.Name)
			}
		}
	}
}

// receiverName is the name of a method's type, with or without pointer and type
// parameters.
func receiverName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.IndexListExpr:
		return receiverName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
