#include "daemon/index/code_kernels.h"

#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pannier::index {
namespace {

// A loop over one of the kernels below, with the call resolved when it is compiled.
template <CodeKernels::Dot kDot>
void DotEach(const uint8_t* const* codes, size_t count, const int8_t* other, size_t padded,
             int32_t* sums) {
  for (size_t i = 0; i < count; ++i) {
    sums[i] = kDot(codes[i], other, padded);
  }
}

int32_t ScalarDot(const uint8_t* code, const int8_t* other, size_t padded) {
  int32_t sum = 0;
  for (size_t i = 0; i < padded; ++i) sum += int32_t{code[i]} * int32_t{other[i]};
  return sum;
}

#if defined(__x86_64__)

int32_t SumLanes(__m128i v) {
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1));
  return _mm_cvtsi128_si32(v);
}

// Widens to 16 bits, since the eight-bit multiply-add of these CPUs saturates.
int32_t Sse2Dot(const uint8_t* code, const int8_t* other, size_t padded) {
  const __m128i zero = _mm_setzero_si128();
  __m128i sum[2] = {zero, zero};
  for (size_t i = 0; i < padded; i += 16) {
    const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(code + i));
    const __m128i o = _mm_loadu_si128(reinterpret_cast<const __m128i*>(other + i));
    // The high byte of each word, shifted down with its sign, is the signed one's value.
    const __m128i low = _mm_srai_epi16(_mm_unpacklo_epi8(zero, o), 8);
    const __m128i high = _mm_srai_epi16(_mm_unpackhi_epi8(zero, o), 8);
    sum[0] = _mm_add_epi32(sum[0], _mm_madd_epi16(_mm_unpacklo_epi8(c, zero), low));
    sum[1] = _mm_add_epi32(sum[1], _mm_madd_epi16(_mm_unpackhi_epi8(c, zero), high));
  }
  return SumLanes(_mm_add_epi32(sum[0], sum[1]));
}

__attribute__((target("avx2"))) int32_t Avx2Dot(const uint8_t* code, const int8_t* other,
                                                size_t padded) {
  __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (size_t i = 0; i < padded; i += 32) {
    for (size_t j = 0; j < 2; ++j) {
      const __m256i c = _mm256_cvtepu8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(code + i + 16 * j)));
      const __m256i o = _mm256_cvtepi8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(other + i + 16 * j)));
      sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(c, o));
    }
  }
  const __m256i all = _mm256_add_epi32(sum[0], sum[1]);
  return SumLanes(_mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}

#define PANNIER_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

// Not _mm512_extracti64x4_epi64: g++ 12 warns of its own header (GCC bug 105593).
PANNIER_VNNI inline __m256i Halve(__m512i v) {
  return _mm256_add_epi32(__builtin_shufflevector(v, v, 0, 1, 2, 3),
                          __builtin_shufflevector(v, v, 4, 5, 6, 7));
}
PANNIER_VNNI inline int32_t SumLanes(__m256i v) {
  return SumLanes(_mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

PANNIER_VNNI int32_t VnniDot(const uint8_t* code, const int8_t* other, size_t padded) {
  __m512i even = _mm512_setzero_si512(), odd = even;
  size_t i = 0;
  for (; i + 128 <= padded; i += 128) {
    even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(code + i), _mm512_loadu_si512(other + i));
    odd = _mm512_dpbusd_epi32(odd, _mm512_loadu_si512(code + i + 64),
                              _mm512_loadu_si512(other + i + 64));
  }
  if (i + 64 <= padded) {
    even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(code + i), _mm512_loadu_si512(other + i));
    i += 64;
  }
  __m256i half = Halve(_mm512_add_epi32(even, odd));
  if (i < padded) {
    half = _mm256_dpbusd_epi32(half, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(code + i)),
                               _mm256_loadu_si256(reinterpret_cast<const __m256i*>(other + i)));
  }
  return SumLanes(half);
}

// Four codes at a time share the loads of the other side; the sums are named, as arrays of them
// went through memory (twice the time per code).
PANNIER_VNNI void VnniDotMany(const uint8_t* const* codes, size_t count, const int8_t* other,
                              size_t padded, int32_t* sums) {
  const size_t whole = padded / 64 * 64;
  size_t n = 0;
  for (; whole == padded && n + 4 <= count; n += 4) {
    const uint8_t* a = codes[n];
    const uint8_t* b = codes[n + 1];
    const uint8_t* c = codes[n + 2];
    const uint8_t* d = codes[n + 3];
    __m512i sum_a = _mm512_setzero_si512(), sum_b = sum_a, sum_c = sum_a, sum_d = sum_a;
    for (size_t i = 0; i < whole; i += 64) {
      const __m512i o = _mm512_loadu_si512(other + i);
      sum_a = _mm512_dpbusd_epi32(sum_a, _mm512_loadu_si512(a + i), o);
      sum_b = _mm512_dpbusd_epi32(sum_b, _mm512_loadu_si512(b + i), o);
      sum_c = _mm512_dpbusd_epi32(sum_c, _mm512_loadu_si512(c + i), o);
      sum_d = _mm512_dpbusd_epi32(sum_d, _mm512_loadu_si512(d + i), o);
    }
    sums[n] = SumLanes(Halve(sum_a));
    sums[n + 1] = SumLanes(Halve(sum_b));
    sums[n + 2] = SumLanes(Halve(sum_c));
    sums[n + 3] = SumLanes(Halve(sum_d));
  }
  for (; n < count; ++n) sums[n] = VnniDot(codes[n], other, padded);
}

#elif defined(__aarch64__)

int32_t NeonDot(const uint8_t* code, const int8_t* other, size_t padded) {
  int32x4_t sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
  for (size_t i = 0; i < padded; i += 16) {
    const uint8x16_t c = vld1q_u8(code + i);
    const int8x16_t o = vld1q_s8(other + i);
    const int16x8_t c_low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(c)));
    const int16x8_t c_high = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(c)));
    const int16x8_t o_low = vmovl_s8(vget_low_s8(o));
    const int16x8_t o_high = vmovl_s8(vget_high_s8(o));
    sum[0] = vmlal_s16(sum[0], vget_low_s16(c_low), vget_low_s16(o_low));
    sum[1] = vmlal_s16(sum[1], vget_high_s16(c_low), vget_high_s16(o_low));
    sum[0] = vmlal_s16(sum[0], vget_low_s16(c_high), vget_low_s16(o_high));
    sum[1] = vmlal_s16(sum[1], vget_high_s16(c_high), vget_high_s16(o_high));
  }
  return vaddvq_s32(vaddq_s32(sum[0], sum[1]));
}

#endif

std::vector<CodeKernels> Detect() {
  std::vector<CodeKernels> found;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    found.push_back({"avx512vnni", VnniDot, VnniDotMany});
  }
  if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", Avx2Dot, DotEach<Avx2Dot>});
  found.push_back({"sse2", Sse2Dot, DotEach<Sse2Dot>});
#elif defined(__aarch64__)
  found.push_back({"neon", NeonDot, DotEach<NeonDot>});
#endif
  found.push_back({"scalar", ScalarDot, DotEach<ScalarDot>});
  return found;
}

}  // namespace

std::span<const CodeKernels> SupportedCodeKernels() {
  static const std::vector<CodeKernels> kSupported = Detect();
  return kSupported;
}

const CodeKernels& BestCodeKernels() { return SupportedCodeKernels().front(); }

}  // namespace pannier::index
