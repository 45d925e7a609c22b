// When to try again, and how long to pause before: growing pauses with full jitter, so that many
// clients of one overloaded server do not come back at once. Threads: a Backoff one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::repository {

// Pauses are a seam: tests do not wait for them.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  virtual void Sleep(std::chrono::nanoseconds time) = 0;
};

// Really sleeps; lives for the whole process. Threads: any.
Sleeper& RealSleeper();

struct RetryOptions {
  uint32_t attempts_max = 6;                          // in all, the first included
  std::chrono::milliseconds first_pause{200};         // the first is between 0 and this
  std::chrono::milliseconds pause_max{20'000};        // where the doubling ends
  std::chrono::milliseconds retry_after_max{60'000};  // what a server may ask for
};

class Backoff {
 public:
  Backoff(const RetryOptions& options, const Clock& clock, Sleeper& sleeper, SteadyTime deadline)
      : options_(options), clock_(clock), sleeper_(sleeper), deadline_(deadline) {}

  // Call after an attempt failed by `error`: pauses, and returns ok when it may be repeated.
  // Otherwise the error to give up with: `error` after the last attempt, or kDeadlineExceeded with
  // its text when the pause would last beyond the deadline.
  Status Again(const Error& error, std::optional<std::chrono::milliseconds> retry_after);
  uint32_t attempts() const { return attempts_; }  // that failed so far

 private:
  const RetryOptions& options_;
  const Clock& clock_;
  Sleeper& sleeper_;
  const SteadyTime deadline_;
  uint32_t attempts_ = 0;
};

}  // namespace pannier::repository
