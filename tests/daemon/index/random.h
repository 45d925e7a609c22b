// Randomness of the index tests: a small generator whose seed is printed and may be given by
// PANNIER_TEST_SEED.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace pannier::index {

// splitmix64: the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t limit) { return Next() % limit; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  float Unit() { return static_cast<float>(Next() >> 40) / static_cast<float>(1 << 24); }  // [0, 1)
  // Near enough to a normal distribution for test data: the sum of four uniform ones.
  float Normal() { return (Unit() + Unit() + Unit() + Unit() - 2.0f) * 1.7320508f; }
  std::vector<float> Vector(uint32_t dimension) {
    std::vector<float> v(dimension);
    for (float& x : v) x = Normal();
    return v;
  }

 private:
  uint64_t state_;
};

// ThreadSanitizer makes hnswlib's thousands of mutexes a hundred times slower: tests that build
// large graphs and have no threads do less under it. The largest do nothing under any sanitizer.
#if defined(__has_feature)
#define PANNIER_HAS_FEATURE(feature) __has_feature(feature)
#else
#define PANNIER_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || PANNIER_HAS_FEATURE(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__) || PANNIER_HAS_FEATURE(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = kThreadSanitizer;
#endif
#undef PANNIER_HAS_FEATURE

inline uint64_t TestSeed() {
  if (const char* given = std::getenv("PANNIER_TEST_SEED"))
    return std::strtoull(given, nullptr, 10);
  static const uint64_t kSeed = static_cast<uint64_t>(std::time(nullptr));
  return kSeed;
}

}  // namespace pannier::index
