// What dropout keeps of rows x columns elements as bits, where no forward pass has left them: kept [rows]
// [ceil(columns / 32)] (=), column c of a row being bit c % 32 of word c / 32. Nothing where dropout is off. Moves one
// bit an element. launch: any, best a thread for 32 elements; see dropout.cuh.
#include "dropout.cuh"

extern "C" __global__ void __launch_bounds__(256) dropout_bits(unsigned *kept, const StepScalars *step, float rate, int site, long long rows, int columns) {
  Keep keep = keep_of(step, rate, site);
  if (!keep.on()) return;
  int words = kept_words(columns);
  for (long long i = blockIdx.x * 256ll + threadIdx.x; i < rows * words; i += gridDim.x * 256ll) {
    long long row = i / words;
    int column = (int)(i - row * words) * 32;
    kept[i] = keep.word32(row * columns + column, columns - column, columns % 4 == 0);
  }
}
