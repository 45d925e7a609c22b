// How the admin API answers. Threads: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::admin {

http::Response Text(int status, std::string body);
http::Response Json(int status, const nlohmann::json& body);
// {"error", "message", "hint"} with the status that fits.
http::Response Failure(const Error& error);

}  // namespace pannier::admin
