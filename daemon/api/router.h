// Method and path → route. Paths are split at '/', then decoded, so that a name may hold a slash.
// Threads: Find() from any, once all routes are added.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/service/authorizer.h"
#include "daemon/store/store.h"
#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::api {

// What a caller presented, and who judges it. Without an authorizer everything is allowed.
struct Caller {
  const service::Authorizer* authorizer = nullptr;
  std::optional<std::string> token;

  bool May(service::Scope scope, const service::Place& place) const {
    return authorizer == nullptr ||
           (token && authorizer->Check(*token, scope, place) == service::Verdict::kAllowed);
  }
};

// One request on its way through a route.
struct Call {
  const http::Request& request;
  const Caller& caller;
  std::vector<std::string> parameters;  // decoded, in the order of the pattern
  store::CallContext context;

  const std::string& tenant() const { return parameters[0]; }
  const std::string& database() const { return parameters[1]; }
  const std::string& collection() const { return parameters[2]; }  // a name or an id
};

enum class BodyRule {
  kNone,     // whatever is sent is not looked at
  kJson,     // JSON; past the limit 413 as JSON
  kRecords,  // JSON; past the limit 413 as the plain text "Payload too large"
};

struct Route {
  using Handler = std::function<Result<http::Response>(const Call&)>;

  std::string method;   // "GET" serves HEAD as well
  std::string pattern;  // "/api/v2/tenants/{tenant}"; parameters called tenant and database are
                        // what tokens are bound to
  BodyRule body = BodyRule::kNone;
  std::optional<service::Scope> scope;  // nothing: open to everyone
  Handler handler;
  std::string label = {};  // "GET /api/v2/tenants/{tenant}": filled in by Router::Add
};

class Router {
 public:
  Router();
  ~Router();
  // CHECKs that the method of that pattern is new.
  void Add(Route route);

  struct Match {
    const Route* route = nullptr;         // null: no such path, or not by that method
    std::vector<std::string> parameters;  // decoded
    std::vector<std::string_view> names;  // of the parameters
    std::string allow;                    // of a known path with another method: "GET,HEAD"
  };
  // All that were added, in that order; they live as long as the router.
  const std::vector<const Route*>& routes() const { return routes_; }

  // Of a path as sent.
  //   kInvalidArgument  a parameter is not UTF-8
  Result<Match> Find(std::string_view method, std::string_view path) const;

 private:
  struct Node;
  static const Node* Walk(const Node& node, const std::vector<std::string_view>& segments,
                          size_t at, std::vector<std::string_view>* taken);
  const std::unique_ptr<Node> root_;
  std::vector<const Route*> routes_;
};

}  // namespace pannier::api
