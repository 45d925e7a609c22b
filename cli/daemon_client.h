// Questions to the daemon over its sockets, and its refusals in its own words. Threads: one.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::cli {

struct Endpoint {
  std::string socket;
  const char* flag;  // that names the socket: for hints
  std::chrono::milliseconds timeout;
};

// The answer's body as JSON; an empty one is {}. `body` may be empty.
//   kNotFound, kUnavailable, kDeadlineExceeded  the daemon cannot be reached; the hint says what to
//                                               try
//   others                                      what the daemon answered
Result<nlohmann::json> Ask(const Endpoint& endpoint, std::string_view method,
                           const std::string& path, std::string_view body = {});

// The error that a daemon's {"error": kind, "message", "hint"} tells.
Error ErrorFrom(const nlohmann::json& body, int status);

std::string PercentEncode(std::string_view text);

}  // namespace pannier::cli
