// Method and path → handler, for a dozen routes. Threads: Answer() from any, once all routes are
// added.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::admin {

struct Call {
  const http::Request& request;
  std::vector<std::string> parameters;  // decoded, in the order of the pattern
  // The first of that name, decoded; nothing when it is absent.
  std::optional<std::string> Query(std::string_view name) const;
};

class Router {
 public:
  using Handler = std::function<Result<http::Response>(const Call&)>;

  // "/admin/v1/operations/{uid}/cancel"
  void Add(std::string method, std::string_view pattern, Handler handler);
  // "PUT /admin/v1/operations/{uid}", in the order of Add().
  std::vector<std::string> labels() const;
  // Nothing: no such path. An unknown method of a known path: 405.
  std::optional<http::Response> Answer(const http::Request& request) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace pannier::admin
