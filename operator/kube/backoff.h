// Pauses that grow after failures: doubled, jittered, capped, and small again after a calm spell.
// Pure: time and seed come from the caller. Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>

#include "lib/core/clock.h"

namespace pannier::kube {

struct BackoffOptions {
  std::chrono::milliseconds first{800};
  std::chrono::milliseconds max{30'000};
  std::chrono::milliseconds calm{120'000};  // so long without a failure: it begins anew
};

// Small random numbers for jitter; the same for the same seed.
class Jitter {
 public:
  explicit Jitter(uint64_t seed) : state_(seed) {}
  // Between 0 and `limit`, which is not negative.
  std::chrono::nanoseconds UpTo(std::chrono::nanoseconds limit);

 private:
  uint64_t state_;
};

class Backoff {
 public:
  Backoff(BackoffOptions options, uint64_t seed) : options_(options), jitter_(seed) {}
  // Something failed at `now`: how long to wait before it is tried again. Between half of the
  // step and all of it; each step is twice the one before.
  std::chrono::nanoseconds Next(SteadyTime now);
  // It is known to work again: the next failure is the first.
  void Reset() { failures_ = 0; }
  uint32_t failures() const { return failures_; }

 private:
  const BackoffOptions options_;
  Jitter jitter_;
  uint32_t failures_ = 0;
  SteadyTime resume_at_{};  // when the last pause ended
};

}  // namespace pannier::kube
