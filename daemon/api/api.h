// Chroma's HTTP API (version 2), `/pannier/v1` and `/health/chromadb` over the stores: one function
// from request to answer.
//
// Promises: every answer of 400 and above has `chroma-trace-id`, and a body {"error","message"}
// where Chroma has one; 5xx are logged with that id. Nothing is stored of a request that is
// refused. A body is JSON that orjson reads: no NaN, floats always with point or exponent.
// Threads: any, many at a time. Lifetime: what Parts refers to outlives the Api; a Request only its
// call.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/limits.h"
#include "daemon/service/authorizer.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/http/message.h"

namespace pannier::sessions {
class Registry;
}

namespace pannier::api {

struct Route;

struct ApiOptions {
  ApiLimits limits;
  bool allow_reset = false;               // POST /api/v2/reset deletes everything
  std::vector<std::string> cors_origins;  // empty: no CORS; {"*"}: any origin
};

// How the daemon is, for health routes.
struct Health {
  bool serving = true;          // false: starting or draining
  std::string mode = "normal";  // also told in `pannier-mode` of every answer, unless normal
  std::string reason;           // why not serving, or why this mode
  std::string action = {};      // what to do about it; may be empty
};

// Told of what happens, from the thread it happens on; any may be empty.
struct ApiHooks {
  // One answer. `route` is a pattern of a fixed set, "POST /api/v2/…/{collection}/query" or
  // "unmatched".
  std::function<void(std::string_view route, int status, std::chrono::nanoseconds took)> on_request;
  // One failure, by the kind of error: "resource exhausted", "corruption", …
  std::function<void(std::string_view kind)> on_error;
  std::function<Health()> health;
};

class Api {
 public:
  // Without `sessions` there are none: their routes are unknown, temporary stores are refused.
  Api(store::Stores& stores, const Clock& clock, ApiOptions options, ApiHooks hooks,
      sessions::Registry* sessions = nullptr);
  ~Api();

  // Answers. With an authorizer the request needs a token, but for heartbeat, version, healthcheck,
  // pre-flight-checks and the health page; who is turned away is told in the log, and so is what
  // needs an administrator (Scope::kAdmin) and changes something. `is_admin`: the request came
  // where only administrators come in, so that there the same is told.
  http::Response Handle(const http::Request& request,
                        const service::Authorizer* authorizer = nullptr,
                        bool is_admin = false) const;

  // Method, path and rules of everything that is answered: for tests that leave none out.
  const std::vector<const Route*>& routes() const;

  // The body for what the HTTP server refuses by itself (http::Server::Options::refusal), in the
  // form that Chroma's clients understand. `head` may be null.
  static http::Response Refuse(int status, std::string_view message, const http::Request* head);

 private:
  class Impl;
  const std::unique_ptr<const Impl> impl_;
};

}  // namespace pannier::api
