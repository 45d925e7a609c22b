// Whole stores change hands here: a finished folder becomes a database, or takes the place of one.
//
// The catalog's transaction is the one moment of change. A new store has a folder of a new id: it
// is moved below stores/ under an intent, then one transaction points the database at it, notes the
// old folder as quarantined, and records that operation `uid` has happened. A crash before leaves
// the old store and an intent (removed at start); a crash after leaves the new one (the move to
// quarantine/ is finished at start).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

struct QuarantinedStore {
  Uuid store;                    // its folder's id; names it for release and removal
  std::string tenant, database;  // what it was
  std::string why;               // "restore", "salvage", "idle", "sweep", "damage"
  WallTime since;
  std::optional<WallTime> expires;  // nothing: kept until somebody says otherwise
  std::string path;                 // below the data directory
  uint64_t bytes = 0;
};

struct PutAsideOptions {
  std::string why;                     // as QuarantinedStore has it
  std::optional<WallTime> expires;     // as there
  std::chrono::seconds unused_for{0};  // by workers, else it stays
};

// A fence: while it lives, writes of one store are refused with kUnavailable, reads go on. Move
// only; ends the fence when it goes away.
class WriteFence {
 public:
  WriteFence() = default;
  WriteFence(WriteFence&& other) noexcept;
  WriteFence& operator=(WriteFence&& other) noexcept;
  ~WriteFence();

 private:
  friend class Stores;
  struct State;
  explicit WriteFence(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace pannier::store
