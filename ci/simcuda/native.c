//go:build nvidia

#include "_cgo_export.h"

// The context that is current is a matter of the calling thread.
static __thread void *current;

void simcuda_set_current(void *context) { current = context; }

int simcuda_has_current(void) { return current != 0; }

void *simcuda_encode(void) { return (void *)cuTensorMapEncodeTiled; }
