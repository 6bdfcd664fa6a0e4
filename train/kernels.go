package train

import "github.com/sparsebert/sparsebert-gpu/backend"

// kernels returns what the device has loaded of its kernels so far, nil where it loads none, and
// hands on what it warns of, each once.
func (r *runner) kernels() *backend.Loaded {
	loaded := r.model.Backend().Capabilities().Loaded
	if loaded == nil {
		return nil
	}
	l := loaded()
	for _, text := range l.Warnings[min(r.kernelWarnings, len(l.Warnings)):] {
		r.watch.Warned(text)
	}
	r.kernelWarnings = len(l.Warnings)
	return &l
}
