// Integer dot products of eight-bit codes, chosen once per process by what the CPU can do. Exact:
// all kernels give the same.
//
// Codes are unsigned with 128 for zero, the other side is signed, because that is what the fastest
// instruction (VNNI's dpbusd) multiplies; callers subtract 128 × (sum of the signed side). Lengths
// are multiples of kCodePadding; padding is 128 here and 0 there. Sums fit 32 bits up to 65,536
// elements. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pannier::index {

inline constexpr size_t kCodePadding = 32;

struct CodeKernels {
  using Dot = int32_t (*)(const uint8_t* code, const int8_t* other, size_t padded);
  // The same for `count` codes; results in `sums`. Fetches nothing ahead.
  using DotMany = void (*)(const uint8_t* const* codes, size_t count, const int8_t* other,
                           size_t padded, int32_t* sums);
  std::string_view name;  // "avx512vnni", "avx2", "sse2", "neon", "scalar"
  Dot dot;
  DotMany dot_many;
};

const CodeKernels& BestCodeKernels();
// All this CPU runs, fastest first; the last is "scalar".
std::span<const CodeKernels> SupportedCodeKernels();

}  // namespace pannier::index
