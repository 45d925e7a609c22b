// What the API's refusals mean to us: HTTP codes and Status objects become Errors. Threads: pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::kube {

// `status` is the API's Status object, or anything else when the answer was none; `doing` says what
// was asked ("create pods default/a").
Error ApiError(int http_code, const nlohmann::json& status, std::string_view doing);

}  // namespace pannier::kube
