// Error → answer: status, `error` name, message. Clients map by name (Python) and by status (JS).
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::api {

// {"error": name, "message": message}
http::Response ErrorAnswer(int status, std::string_view name, std::string_view message);

// By the error's code. Hints are told where the server, not the request, is at fault; 429 and 503
// carry Retry-After.
http::Response ErrorAnswer(const Error& error);

// 404, 405: no body.
http::Response EmptyAnswer(int status);

http::Response JsonAnswer(std::string body, int status = 200);

}  // namespace pannier::api
