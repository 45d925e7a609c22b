// Operations as docs/admin-api.md shows them, and what the journal keeps of those that have ended.
// Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "daemon/operations/action_runner.h"
#include "daemon/operations/operation.h"
#include "daemon/store/journal.h"

namespace pannier::operations {

// {"error": kind, "message", "hint"}
nlohmann::json ErrorJson(const Error& error);

struct LiveState {
  State state = State::kPending;
  uint32_t attempts = 0;
  WallTime created;
  std::optional<WallTime> started;
  std::string phase;
  uint64_t done = 0, total = 0;
  nlohmann::json plan;
  std::vector<Want> wants;
};
nlohmann::json LiveJson(const Request& request, const LiveState& live);

// What JournalEntry::result holds of one that has ended.
nlohmann::json EndedJson(const nlohmann::json& plan, const Result<nlohmann::json>& result,
                         std::optional<WallTime> started);
nlohmann::json EntryJson(const store::JournalEntry& entry);

}  // namespace pannier::operations
