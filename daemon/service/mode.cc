#include "daemon/service/mode.h"

namespace pannier::service {
namespace {

constexpr char kMemoryAction[] =
    "everything is lost when this process ends: export or snapshot what matters, make the data "
    "directory usable, restart, and merge it in (docs/modes.md)";

}  // namespace

Mode ModeOf(const store::GateState& gate, const std::optional<MemoryMode>& memory) {
  if (gate.is_closed()) {
    Mode mode{std::string(kReadOnly), gate.reason, gate.action, gate.since};
    if (memory) mode.reason += "; and what there is lies in memory: " + memory->reason;
    return mode;
  }
  if (memory) return {std::string(kMemory), memory->reason, kMemoryAction, memory->since};
  return {};
}

}  // namespace pannier::service
