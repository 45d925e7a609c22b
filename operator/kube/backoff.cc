#include "operator/kube/backoff.h"

#include <algorithm>

namespace pannier::kube {

// SplitMix64: eight bytes of state, where the standard engines keep kilobytes per key.
std::chrono::nanoseconds Jitter::UpTo(std::chrono::nanoseconds limit) {
  state_ += 0x9E3779B97F4A7C15ull;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  return std::chrono::nanoseconds(z % (static_cast<uint64_t>(limit.count()) + 1));
}

std::chrono::nanoseconds Backoff::Next(SteadyTime now) {
  if (failures_ > 0 && now - resume_at_ >= options_.calm) failures_ = 0;
  const uint32_t doublings = std::min(failures_, 20u);
  ++failures_;
  const std::chrono::nanoseconds step =
      std::min<std::chrono::nanoseconds>(options_.max, options_.first * (1ll << doublings));
  const std::chrono::nanoseconds pause = step / 2 + jitter_.UpTo(step / 2);
  resume_at_ = now + pause;
  return pause;
}

}  // namespace pannier::kube
