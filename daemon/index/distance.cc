#include "daemon/index/distance.h"

#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pannier::index {
namespace {

// Four accumulators hide the latency of the additions; the compiler keeps their order.
float ScalarL2(const float* a, const float* b, size_t count) {
  float sum[4] = {};
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t j = 0; j < 4; ++j) {
      const float d = a[i + j] - b[i + j];
      sum[j] += d * d;
    }
  }
  for (; i < count; ++i) {
    const float d = a[i] - b[i];
    sum[0] += d * d;
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

float ScalarDot(const float* a, const float* b, size_t count) {
  float sum[4] = {};
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t j = 0; j < 4; ++j) sum[j] += a[i + j] * b[i + j];
  }
  for (; i < count; ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

#if defined(__x86_64__)

float SumSse2(__m128 v) {
  v = _mm_add_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps(v, v, 1)));
}

template <bool kIsL2>
float Sse2(const float* a, const float* b, size_t count) {
  __m128 sum[4] = {_mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps(), _mm_setzero_ps()};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (size_t j = 0; j < 4; ++j) {
      __m128 x = _mm_loadu_ps(a + i + 4 * j);
      __m128 y = _mm_loadu_ps(b + i + 4 * j);
      if (kIsL2) y = x = _mm_sub_ps(x, y);
      sum[j] = _mm_add_ps(sum[j], _mm_mul_ps(x, y));
    }
  }
  const float rest = kIsL2 ? ScalarL2(a + i, b + i, count - i) : ScalarDot(a + i, b + i, count - i);
  return SumSse2(_mm_add_ps(_mm_add_ps(sum[0], sum[1]), _mm_add_ps(sum[2], sum[3]))) + rest;
}

template <bool kIsL2>
__attribute__((target("avx2,fma"))) float Avx2(const float* a, const float* b, size_t count) {
  __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                   _mm256_setzero_ps()};
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    for (size_t j = 0; j < 4; ++j) {
      __m256 x = _mm256_loadu_ps(a + i + 8 * j);
      __m256 y = _mm256_loadu_ps(b + i + 8 * j);
      if (kIsL2) y = x = _mm256_sub_ps(x, y);
      sum[j] = _mm256_fmadd_ps(x, y, sum[j]);
    }
  }
  const __m256 all = _mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3]));
  const float wide =
      SumSse2(_mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
  return wide + (kIsL2 ? ScalarL2(a + i, b + i, count - i) : ScalarDot(a + i, b + i, count - i));
}

// _mm512_reduce_add_ps makes g++ 12 warn of its own header (GCC bug 105593).
__attribute__((target("avx512f"))) float SumAvx512(__m512 v) {
  const __m256 half = _mm256_add_ps(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                                    __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  return SumSse2(_mm_add_ps(__builtin_shufflevector(half, half, 0, 1, 2, 3),
                            __builtin_shufflevector(half, half, 4, 5, 6, 7)));
}

template <bool kIsL2>
__attribute__((target("avx512f"))) float Avx512(const float* a, const float* b, size_t count) {
  __m512 sum[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                   _mm512_setzero_ps()};
  size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    for (size_t j = 0; j < 4; ++j) {
      __m512 x = _mm512_loadu_ps(a + i + 16 * j);
      __m512 y = _mm512_loadu_ps(b + i + 16 * j);
      if (kIsL2) y = x = _mm512_sub_ps(x, y);
      sum[j] = _mm512_fmadd_ps(x, y, sum[j]);
    }
  }
  for (size_t j = 0; i < count; i += 16, ++j) {
    const size_t left = count - i;
    const __mmask16 mask = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    __m512 x = _mm512_maskz_loadu_ps(mask, a + i);
    __m512 y = _mm512_maskz_loadu_ps(mask, b + i);
    if (kIsL2) y = x = _mm512_sub_ps(x, y);
    sum[j] = _mm512_fmadd_ps(x, y, sum[j]);
  }
  return SumAvx512(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}

#elif defined(__aarch64__)

template <bool kIsL2>
float Neon(const float* a, const float* b, size_t count) {
  float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (size_t j = 0; j < 4; ++j) {
      float32x4_t x = vld1q_f32(a + i + 4 * j);
      float32x4_t y = vld1q_f32(b + i + 4 * j);
      if (kIsL2) y = x = vsubq_f32(x, y);
      sum[j] = vfmaq_f32(sum[j], x, y);
    }
  }
  const float wide = vaddvq_f32(vaddq_f32(vaddq_f32(sum[0], sum[1]), vaddq_f32(sum[2], sum[3])));
  return wide + (kIsL2 ? ScalarL2(a + i, b + i, count - i) : ScalarDot(a + i, b + i, count - i));
}

#endif

std::vector<Kernels> Detect() {
  std::vector<Kernels> found;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) found.push_back({"avx512", Avx512<true>, Avx512<false>});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    found.push_back({"avx2", Avx2<true>, Avx2<false>});
  }
  found.push_back({"sse2", Sse2<true>, Sse2<false>});
#elif defined(__aarch64__)
  found.push_back({"neon", Neon<true>, Neon<false>});
#endif
  found.push_back({"scalar", ScalarL2, ScalarDot});
  return found;
}

}  // namespace

std::span<const Kernels> SupportedKernels() {
  static const std::vector<Kernels> kSupported = Detect();
  return kSupported;
}

const Kernels& BestKernels() { return SupportedKernels().front(); }

double PreciseL2(const float* a, const float* b, size_t count) {
  double sum[4] = {};
  for (size_t i = 0; i < count; ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum[i % 4] += d * d;
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

double PreciseDot(const float* a, const float* b, size_t count) {
  double sum[4] = {};
  for (size_t i = 0; i < count; ++i) {
    sum[i % 4] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

}  // namespace pannier::index
