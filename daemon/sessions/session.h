// What is said of sessions. Threads: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/store/store_host.h"
#include "lib/core/clock.h"
#include "lib/core/uuid.h"
#include "lib/http/message.h"

namespace pannier::sessions {

using store::StoreName;

// Who asks. The same id means different sessions to different owners, and nobody learns of those of
// others.
struct Origin {
  std::string owner;
  http::Peer peer;
  uint64_t connection = 0;  // http::Request::connection
};

// What a worker says of its session; what it leaves out stays as it was, or is the default.
struct Wanted {
  std::optional<std::string> id;  // 1 to 128 of A-Z a-z 0-9 . _ : -; nothing: made up here
  std::optional<std::string> name;
  std::optional<bool> cleanup_on_exit;  // ends once all processes that registered it are gone
  std::optional<std::chrono::seconds> timeout;
};

struct SessionInfo {
  Uuid uid;  // of this run of it: an id that comes again after the end gets another
  std::string owner, id, name;
  WallTime created, last_activity;
  std::chrono::seconds timeout{0}, idle{0};
  bool cleanup_on_exit = false;
  uint64_t requests = 0;
  uint32_t connections = 0;     // open ones that were last used for it
  pid_t pid = 0;                // that registered it last, as this daemon sees it; 0: unknown
  std::optional<uid_t> user;    // its user, of a Unix socket
  std::vector<StoreName> used;  // most recent first, at most Registry::kUsedMax
};

enum class EndReason {
  kEnded,    // its worker said so
  kExpired,  // nothing was heard of it for its time-out
  kExited,   // its processes are gone, and it asked for this
  kSwept,    // an admin or a sweep
};
std::string_view ToString(EndReason reason);
inline constexpr EndReason kEndReasons[] = {EndReason::kEnded, EndReason::kExpired,
                                            EndReason::kExited, EndReason::kSwept};

struct Ended {
  uint64_t stores_removed = 0;
  std::vector<StoreName> stores_left;  // could not be removed yet; tried again until they are gone
  uint64_t connections_closed = 0;
};

struct SweepOptions {
  bool ends = false;                         // else only looks
  std::optional<std::chrono::seconds> idle;  // also sessions silent for so long
  std::vector<Uuid> only;                    // of these alone; empty: of all
};

struct SweepResult {
  std::vector<SessionInfo> found;  // at most kFoundMax
  uint64_t found_total = 0, ended = 0, stores_removed = 0, connections_closed = 0;
  std::vector<std::string> errors;  // at most kErrorsMax
  static constexpr size_t kFoundMax = 1'000, kErrorsMax = 100;
};

}  // namespace pannier::sessions
