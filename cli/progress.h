// Shows how far an operation is: a bar that is drawn over on a terminal, else one line per phase.
// Threads: one.
#pragma once

#include <cstdint>
#include <string>

#include "cli/terminal.h"

namespace pannier::cli {

class ProgressView {
 public:
  explicit ProgressView(Terminal& terminal) : terminal_(terminal) {}
  ~ProgressView() { Clear(); }
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  // `total` 0: not known.
  void Show(const std::string& phase, uint64_t done, uint64_t total);
  // Wipes the bar away, so that the next line stands alone.
  void Clear();

 private:
  Terminal& terminal_;
  std::string phase_;  // the last one told
  bool drawn_ = false;
};

}  // namespace pannier::cli
