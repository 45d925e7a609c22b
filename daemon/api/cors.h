// Cross-origin headers for browsers, off unless origins are configured.
// Threads: pure functions.
#pragma once

#include <string>
#include <vector>

#include "lib/http/message.h"

namespace pannier::api {

// A pre-flight: OPTIONS of a browser asking before its real request.
bool IsPreflight(const http::Request& request);

// Adds what `request`'s origin is allowed; nothing for an origin that is not in `origins`.
void AddCorsHeaders(const http::Request& request, const std::vector<std::string>& origins,
                    http::Response* response);

}  // namespace pannier::api
