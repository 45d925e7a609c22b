// The envelope of the API server's questions and of our answers. Threads: pure functions; any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::control {

struct Review {
  bool allowed = true;
  int code = 0;         // of a refusal
  std::string message;  // of a refusal, for whoever ran kubectl
  nlohmann::json patch = nlohmann::json::array();
};

inline constexpr size_t kMessageBytesMax = 4 << 10;

// The request of a review: an object with a "uid" that is text and an "object" that is an object,
// or null where the operation has none.
//   kMalformed  it is none
Result<nlohmann::json> ReadReview(std::string_view text);

// The review with its response, as JSON.
std::string WriteReview(const nlohmann::json& request, const Review& review);

}  // namespace pannier::control
