//go:build nvidia

#include "_cgo_export.h"

void *simcuda_encode(void) { return (void *)cuTensorMapEncodeTiled; }
