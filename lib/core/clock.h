// Time as a seam: production code asks a Clock, tests hand in one they turn by hand
// (tests/support/fake_clock.h). Threads: any.
#pragma once

#include <chrono>

namespace pannier {

using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;  // what people and manifests see
using SteadyTime = std::chrono::steady_clock::time_point;          // for deadlines and durations

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;
  virtual SteadyTime Steady() const = 0;
};

// The machine's clock; lives for the whole process.
const Clock& SystemClock();

}  // namespace pannier
