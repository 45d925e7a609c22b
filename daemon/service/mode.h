// The mode the daemon is in, as clients, operators and metrics are told: `normal`, `read-only`,
// `memory`. docs/modes.md says what is promised in each. Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/store/write_gate.h"
#include "lib/core/clock.h"

namespace pannier::service {

inline constexpr std::string_view kNormal = "normal";
inline constexpr std::string_view kReadOnly = "read-only";
inline constexpr std::string_view kMemory = "memory";

struct Mode {
  std::string name{kNormal};
  std::string reason;             // a sentence; empty in normal mode
  std::string action;             // what to do, and when it ends; empty in normal mode
  std::optional<WallTime> since;  // nothing in normal mode
};

// Serving from memory: since when, and why.
struct MemoryMode {
  WallTime since;
  std::string reason;
};

// Read-only comes first: what is told with a refusal must fit it.
Mode ModeOf(const store::GateState& gate, const std::optional<MemoryMode>& memory);

}  // namespace pannier::service
