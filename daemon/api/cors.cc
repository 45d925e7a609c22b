#include "daemon/api/cors.h"

#include <algorithm>

namespace pannier::api {

bool IsPreflight(const http::Request& request) {
  return request.method == "OPTIONS" && request.Header("access-control-request-method");
}

void AddCorsHeaders(const http::Request& request, const std::vector<std::string>& origins,
                    http::Response* response) {
  const auto add = [response](const char* name, std::string_view value) {
    response->headers.emplace_back(name, value);
  };
  const auto origin = request.Header("origin");
  const bool any = origins.size() == 1 && origins.front() == "*";
  const bool listed = origin && std::find(origins.begin(), origins.end(), *origin) != origins.end();
  add("vary", "origin, access-control-request-method, access-control-request-headers");
  if (!any && !listed) return;
  add("access-control-allow-origin", any ? "*" : *origin);
  if (!IsPreflight(request)) return;
  add("access-control-allow-methods", "*");
  add("access-control-allow-headers", "*");
}

}  // namespace pannier::api
