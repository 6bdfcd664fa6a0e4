// The scalars of a step in device memory, which BeginStep fills (gpu/step.go),
// so that launches do not depend on the step and can be recorded and replayed.
#pragma once

struct StepScalars {
  unsigned long long seed;
  long long step; // optimizer steps finished before this one
  int micro;      // micro-batch within the step
  int train;      // 0: dropout is off
  float lr;
  float mlm_scale, nsp_scale; // factors on the gradients of the losses
  int unused;
};
static_assert(sizeof(StepScalars) == 40, "as gpu/step.go packs it");
