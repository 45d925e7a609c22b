// A clock that a test turns by hand. Threads: any.
#pragma once

#include <atomic>
#include <chrono>

#include "lib/core/clock.h"

namespace pannier::test {

class FakeClock final : public Clock {
 public:
  // Starts at 2025-01-01T00:00:00Z.
  WallTime Now() const override {
    constexpr std::chrono::seconds kStart{1'735'689'600};
    return WallTime(kStart + std::chrono::nanoseconds(passed_ns_.load()));
  }
  SteadyTime Steady() const override {
    // Not from zero, so that a forgotten initialisation shows.
    return SteadyTime(std::chrono::hours(1) + std::chrono::nanoseconds(passed_ns_.load()));
  }
  void Advance(std::chrono::nanoseconds step) { passed_ns_ += step.count(); }

 private:
  std::atomic<int64_t> passed_ns_{0};
};

}  // namespace pannier::test
