// How random tests are driven from outside: PANNIER_SEED replays a run, PANNIER_TORTURE_ROUNDS
// makes it longer. Threads: any.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace pannier::test {

// The same for the whole process; fresh for every process unless it is given.
inline uint64_t Seed() {
  static const uint64_t kSeed = [] {
    const char* given = std::getenv("PANNIER_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  }();
  return kSeed;
}

// How often a random test repeats itself.
inline int Rounds(int by_default) {
  const char* given = std::getenv("PANNIER_TORTURE_ROUNDS");
  return given != nullptr ? std::atoi(given) : by_default;
}

// The same numbers on every machine, unlike the standard distributions.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  uint64_t Below(uint64_t limit) { return engine_() % limit; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  uint64_t Next() { return engine_(); }
  template <typename List>
  const auto& Of(const List& list) {
    return list[Below(std::size(list))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace pannier::test
