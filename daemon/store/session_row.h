// What is kept of a session on disk. Threads: a plain value.
#pragma once

#include <chrono>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/uuid.h"

namespace pannier::store {

// A session that has, or is about to have, temporary databases.
struct SessionRow {
  Uuid uid;
  std::string owner, id, name;
  std::chrono::seconds timeout{0};
  bool cleanup_on_exit = false;
  WallTime created;
};

}  // namespace pannier::store
