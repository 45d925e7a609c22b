// Kernels over float vectors, chosen once per process by what the CPU can do.
// All kernels of a table compute the same sums with several accumulators, so results differ between
// tables by rounding only (a few 1e-7, relative). Nothing here guards against overflow: callers
// check for results that are not finite. Threads: any.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace pannier::index {

struct Kernels {
  using Function = float (*)(const float* a, const float* b, size_t count);
  std::string_view name;  // "avx512", "avx2", "sse2", "neon", "scalar"
  Function l2;            // Σ (a-b)²
  Function dot;           // Σ a·b
};

// The fastest this CPU runs.
const Kernels& BestKernels();
// All this CPU runs, fastest first; the last is "scalar", the model of the tests.
std::span<const Kernels> SupportedKernels();

// The same sums in double precision: for norms, and where float overflows.
double PreciseL2(const float* a, const float* b, size_t count);
double PreciseDot(const float* a, const float* b, size_t count);

}  // namespace pannier::index
