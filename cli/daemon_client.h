// Questions to the daemon over its sockets, and its refusals in its own words. Threads: one.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "lib/core/result.h"
#include "lib/http/client.h"

namespace pannier::cli {

struct Endpoint {
  std::string address;  // as http::Client takes it
  const char* flag;     // that names it: for hints
  std::chrono::milliseconds timeout;
  http::ClientTls tls = {};
};

// Where the admin API is: its socket, or --admin-address with the files that TLS needs.
//   kNotFound, kPermissionDenied, …  one of the files cannot be read
Result<Endpoint> AdminEndpoint(const Arguments& arguments);
// Where workers' routes are: the data socket, or --admin-address, where they are served too.
//   as AdminEndpoint()
Result<Endpoint> DataEndpoint(const Arguments& arguments);

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
