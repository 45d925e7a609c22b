#include "operator/kube/token_bucket.h"

#include <algorithm>

namespace pannier::kube {

std::chrono::nanoseconds TokenBucket::Take(SteadyTime now, std::chrono::nanoseconds wait_max) {
  MutexLock lock(mutex_);
  if (!used_) {
    used_ = true;
    tokens_ = burst_;
    filled_at_ = now;
  }
  const double passed = std::chrono::duration<double>(now - filled_at_).count();
  tokens_ = std::min(burst_, tokens_ + passed * per_second_);
  filled_at_ = now;
  // Tokens may be owed: each waiter's is one more below zero.
  const double owed = std::max(0.0, 1 - tokens_) / per_second_;
  const auto wait = std::max(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(owed)),
      std::chrono::nanoseconds(held_until_ - now));
  if (wait > wait_max) return std::chrono::nanoseconds(-1);
  tokens_ -= 1;
  return wait;
}

void TokenBucket::HoldUntil(SteadyTime until) {
  MutexLock lock(mutex_);
  held_until_ = std::max(held_until_, until);
}

}  // namespace pannier::kube
