// Asks a daemon over its data socket whether it serves: `pannierd healthcheck` and
// `pannierctl healthcheck`, which probes of a pod run. Threads: any.
#pragma once

#include <chrono>
#include <string>

#include "lib/core/result.h"

namespace pannier::contract {

// The daemon's own words: the body of GET /health/chromadb.
//   kNotFound, kUnavailable  no socket there, or nobody accepts; the hint says what to try
//   kUnavailable             it answers that it cannot serve, with its reason
//   kDeadlineExceeded        no answer in time
Result<std::string> CheckHealth(const std::string& socket, std::chrono::milliseconds timeout);

// The same, asked again while the daemon is not there or cannot serve: of one that is starting, the
// moment when it serves. The last error when `timeout` is over.
Result<std::string> AwaitHealth(const std::string& socket, std::chrono::milliseconds timeout);

}  // namespace pannier::contract
