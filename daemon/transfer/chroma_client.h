// The few calls of Chroma's HTTP API that an export makes. Threads: one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "lib/http/client.h"

namespace pannier::transfer {

class ChromaClient {
 public:
  // Asks the server for its limits.
  //   kInvalidArgument  not an address
  //   kUnavailable      nobody answers there, or it is not Chroma
  static Result<ChromaClient> Connect(const std::string& url);

  // Records that it takes at once.
  uint64_t batch_max() const { return batch_max_; }

  // One call below /api/v2. Calls that may be repeated are, a few times, when the server is away.
  //   kNotFound, kConflict, kInvalidArgument, kResourceExhausted, kUnavailable  by its status
  Result<nlohmann::json> Get(const std::string& path);
  Result<nlohmann::json> Post(const std::string& path, std::string_view body, bool repeatable);

 private:
  explicit ChromaClient(http::Client client) : client_(std::move(client)) {}
  Result<nlohmann::json> Send(std::string_view method, const std::string& path,
                              std::string_view body, int attempts);
  Result<nlohmann::json> SendOnce(std::string_view method, const std::string& path,
                                  std::string_view body);
  http::Client client_;
  uint64_t batch_max_ = 1;
};

// A part of a path.
std::string PathSegment(std::string_view text);

}  // namespace pannier::transfer
