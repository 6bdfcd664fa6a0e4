package main

import (
	"bytes"
	"flag"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file")

// generated returns the launchers of the kernels in dir.
func generated(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "launch_gen.go")
	if err := run(dir, out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGolden(t *testing.T) {
	const golden = "testdata/launch_gen.golden"
	got := generated(t, "testdata/kernels")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("found other launchers than %s (go test ./kernels/gen -update writes it):\n%s", golden, got)
	}
}

func TestNoKernels(t *testing.T) {
	if got := generated(t, t.TempDir()); !strings.Contains(got, "package gpu") {
		t.Errorf("found %q, expected a Go file", got)
	}
}

func TestSameFileIsNotWritten(t *testing.T) {
	out := filepath.Join(t.TempDir(), "launch_gen.go")
	for _, mode := range []os.FileMode{0o666, 0o444} {
		if err := run("testdata/kernels", out); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(out, mode); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := run("testdata/kernels", out); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(out)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("found the file written again (%v), expected it as it was", err)
	}
}

const head = "// y = x.\n"

// faults are sources k.cu that stop the generator, and what it says of each.
var faults = []struct{ name, source, want string }{
	{"unknown type", head + "extern \"C\" __global__ void k(float *y,\n half *x) {}", `k.cu:3: found a parameter of type "half*", expected a type`},
	{"typedef", head + "typedef float real;\nextern \"C\" __global__ void k(real *y) {}", `k.cu:3: found a parameter of type "real*"`},
	{"typedef by value", head + "using real = float;\nextern \"C\" __global__ void k(real y) {}", `k.cu:3: found a parameter of type "real"`},
	{"undefined struct", head + `extern "C" __global__ void k(struct Shape *s) {}`, `k.cu:2: found a parameter of type "struct Shape*"`},
	{"struct by value", head + "struct S { int x; };\nextern \"C\" __global__ void k(S s) {}", `k.cu:3: found a parameter of type "S"`},
	{"long", head + `extern "C" __global__ void k(unsigned long n) {}`, `k.cu:2: found a parameter of type "unsigned long"`},
	{"bf16 by value", head + `extern "C" __global__ void k(bf16 x) {}`, `k.cu:2: found a parameter of type "bf16"`},
	{"void pointer", head + `extern "C" __global__ void k(void *x) {}`, `k.cu:2: found a parameter of type "void*"`},
	{"pointer to pointer", head + `extern "C" __global__ void k(float **x) {}`, `k.cu:2: found a parameter of type "float**"`},
	{"reference", head + `extern "C" __global__ void k(const float &x) {}`, `k.cu:2: found the parameter "const float & x", expected a type and a name`},
	{"array", head + `extern "C" __global__ void k(float x[4]) {}`, `k.cu:2: found the parameter "float x [ 4 ]"`},
	{"default", head + `extern "C" __global__ void k(int n = 1) {}`, `k.cu:2: found the parameter "int n = 1"`},
	{"templated type", head + `extern "C" __global__ void k(Pair<int, float> *p) {}`, `k.cu:2: found the parameter "Pair < int , float > * p"`},
	{"function pointer", head + `extern "C" __global__ void k(void (*f)(int, int)) {}`, `k.cu:2: found the parameter "void ( * f ) ( int , int )"`},
	{"no name", head + `extern "C" __global__ void k(int) {}`, `k.cu:2: found the parameter "int"`},
	{"name without a Go name", head + `extern "C" __global__ void k(int _1) {}`, `k.cu:2: found the parameter "int _1"`},
	{"trailing comma", head + "extern \"C\" __global__ void k(int n,\n) {}", `k.cu:3: found ), expected a parameter`},
	{"empty parameter", head + `extern "C" __global__ void k(int n,, int m) {}`, `k.cu:2: found the parameter ""`},
	{"same Go name", head + `extern "C" __global__ void k(int T, int t) {}`, `k.cu:2: found two parameters that are t in Go`},
	{"two kernels", head + "extern \"C\" __global__ void k(int n) {}\nextern \"C\" __global__ void j(int n) {}", `k.cu:3: found a second kernel, j, expected one`},
	{"no kernel", head + "__device__ int k(int n) { return n; }", `k.cu:1: found no kernel`},
	{"commented out", head + `/* extern "C" __global__ void k(int n) {} */`, `k.cu:1: found no kernel`},
	{"another name", head + "\n\nextern \"C\" __global__ void j(int n) {}", `k.cu:4: found kernel j, expected k, as the file is named`},
	{"upper case", head + `extern "C" __global__ void K(int n) {}`, `k.cu:2: found kernel K, expected lower-case`},
	{"template", head + "template <int B> __global__ void k(int n) {}", `k.cu:2: found a __global__ that does not follow extern "C"`},
	{"C++ name", head + "__global__ void k(int n) {}", `k.cu:2: found a __global__ that does not follow extern "C"`},
	{"extern block", head + "extern \"C\" {\n__global__ void k(int n) {}\n}", `k.cu:3: found a __global__ that does not follow extern "C"`},
	{"macro", head + "#define KERNEL(name) \\\n  extern \"C\" __global__ void name(int n)\nKERNEL(k) {}", `k.cu:3: found __global__ in a macro`},
	{"static", head + `extern "C" __global__ static void k(int n) {}`, `k.cu:2: found another head of a kernel`},
	{"not void", head + `extern "C" __global__ int k(int n) {}`, `k.cu:2: found another head of a kernel`},
	{"declared only", head + `extern "C" __global__ void k(int n);`, `k.cu:2: found no body of k`},
	{"cut off", head + `extern "C" __global__ void k(int n`, `k.cu:2: found no body of k`},
	{"cut off in a comment", head + "/* ", `k.cu:2: found the end of the text, expected */`},
	{"not UTF-8", "// y\xa2.\n" + `extern "C" __global__ void k(int n) {}`, `k.cu:1: found a character that does not print`},
	{"no comment", "\n" + `extern "C" __global__ void k(int n) {}`, `k.cu:2: found no comment`},
}

func TestFaults(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "k.cu"), []byte(f.source), 0o666); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "launch_gen.go")
			err := run(dir, out)
			if err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, f.want)) {
				t.Errorf("found error %v, expected %s", err, f.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("found a file written, expected none")
			}
		})
	}
}

func TestKernelInHeader(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "include", "k.cuh")
	if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("// All.\ntemplate <int B> __global__ void k(int n) {}"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := readAll(dir)
	if want := path + ":2: found a kernel in a header"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("found error %v, expected %s", err, want)
	}
}

func TestSameLauncher(t *testing.T) {
	_, err := generate([]kernel{{name: "k_1"}, {name: "k1"}})
	if err == nil {
		t.Error("found no error, expected one for two launchers of one name")
	}
}

func TestStrip(t *testing.T) {
	const ptx = "//\n// Compiler Build ID: CL-1\n//\n\n.version 8.4\n\t.file\t1 \"a/b.cu\"\n" +
		"\t// .globl k\n.visible .entry k(\n)\n{\n\t.loc\t1 2 3\n\t/* two\nlines */ ret; // end  \n" +
		"\t.pragma \"// kept\";\n\tmov.u64 %rd1, _ZN29_INTERNAL_2b208ee9_4_k_cu_pub31_GLOBAL__N__2b208ee9_4_k_cu_pub1zE;\r\n}\n"
	const want = ".version 8.4\n.visible .entry k(\n)\n{\n         ret;\n" +
		"\t.pragma \"// kept\";\n\tmov.u64 %rd1, _ZN29_INTERNAL_00000000_4_k_cu_pub31_GLOBAL__N__00000000_4_k_cu_pub1zE;\n}\n"
	var got bytes.Buffer
	if err := stripAll(&got, strings.NewReader(ptx)); err != nil || got.String() != want {
		t.Errorf("found %q, %v, expected %q", got.String(), err, want)
	}
	for _, bad := range []string{"", "int main() {}", ".version 8.4\n/*"} {
		if got, err := strip(bad); err == nil {
			t.Errorf("%q: found %q, expected an error", bad, got)
		}
	}
}

// FuzzParse: whatever the source, the parser ends with an error or with a kernel
// of which the generator makes Go.
func FuzzParse(f *testing.F) {
	for _, s := range faults {
		f.Add(s.source)
	}
	for _, name := range []string{"fill_f32", "every_type", "empty_sm90a"} {
		text, err := os.ReadFile("testdata/kernels/" + name + ".cu")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, source string) {
		k, err := parse("k.cu", source, map[string]bool{"Shape": true})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "k.cu:") {
				t.Errorf("found error %q, expected it to name the place", err)
			}
			return
		}
		text, err := generate([]kernel{k})
		if err != nil {
			t.Fatalf("found %v in the launcher of %q", err, source)
		}
		if _, err := parser.ParseFile(gotoken.NewFileSet(), "", text, parser.AllErrors); err != nil {
			t.Errorf("found %v in %s", err, text)
		}
	})
}
