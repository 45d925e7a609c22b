#include "lib/repository/retry.h"

#include <algorithm>
#include <random>
#include <string>
#include <thread>

namespace pannier::repository {
namespace {

class ThreadSleeper final : public Sleeper {
 public:
  void Sleep(std::chrono::nanoseconds time) override { std::this_thread::sleep_for(time); }
};

int64_t Below(int64_t limit) {
  thread_local std::minstd_rand random(std::random_device{}());
  return std::uniform_int_distribution<int64_t>(0, limit)(random);
}

}  // namespace

Sleeper& RealSleeper() {
  static ThreadSleeper sleeper;
  return sleeper;
}

Status Backoff::Again(const Error& error, std::optional<std::chrono::milliseconds> retry_after) {
  ++attempts_;
  if (attempts_ >= options_.attempts_max) {
    Error last = error;
    last.what += " (after " + std::to_string(attempts_) + " attempts)";
    return last;
  }
  const uint32_t doublings = std::min(attempts_ - 1, 20u);
  const auto limit = std::min(options_.first_pause * (1 << doublings), options_.pause_max);
  std::chrono::milliseconds pause(Below(limit.count()));
  if (retry_after) pause += std::min(*retry_after, options_.retry_after_max);
  if (clock_.Steady() + pause >= deadline_) {
    return DeadlineExceeded(error.what + " (and no time is left to try again)", error.hint);
  }
  sleeper_.Sleep(pause);
  return {};
}

}  // namespace pannier::repository
