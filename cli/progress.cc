#include "cli/progress.h"

#include <algorithm>

namespace pannier::cli {
namespace {

constexpr uint64_t kBarWidth = 30;
constexpr const char* kWipe = "\r\x1b[K";

std::string Bar(uint64_t done, uint64_t total) {
  const uint64_t part = std::min(done, total);
  // In floating point: bytes times width may be more than 64 bits hold.
  const double share = static_cast<double>(part) / static_cast<double>(total);
  const auto full = static_cast<size_t>(share * kBarWidth);
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, ' ') + "] " +
         std::to_string(static_cast<int>(share * 100)) + " %";
}

}  // namespace

void ProgressView::Show(const std::string& phase, uint64_t done, uint64_t total) {
  if (!terminal_.DrawsBars()) {
    if (!phase.empty() && phase != phase_) terminal_.Write(phase + "\n");
    phase_ = phase;
    return;
  }
  std::string line = kWipe + phase;
  if (total > 0) {
    line += " " + Bar(done, total);
  } else if (done > 0) {
    line += " " + std::to_string(done);
  }
  terminal_.Write(line);
  drawn_ = true;
}

void ProgressView::Clear() {
  if (drawn_) terminal_.Write(kWipe);
  drawn_ = false;
}

}  // namespace pannier::cli
