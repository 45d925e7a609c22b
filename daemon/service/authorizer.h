// Who may do what: the question the API asks before each route, whatever answers it.
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::service {

// Each contains the ones before it.
enum class Scope {
  kRead,   // get, query, count, list
  kWrite,  // records and collections
  kAdmin,  // databases, tenants, upkeep of stores, reset
};

// Where something happens. Without a database any database of the tenant will do; without a tenant
// it concerns the whole server, and only what is granted everywhere will do.
struct Place {
  std::optional<std::string_view> tenant;
  std::optional<std::string_view> database;
};

// What a token is bound to, for GET /auth/identity. "*" or several names: not bound.
struct Identity {
  std::string user;
  std::string tenant;
  std::vector<std::string> databases;
};

enum class Verdict { kAllowed, kUnknownToken, kForbidden };

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Verdict Check(std::string_view token, Scope scope, const Place& place) const = 0;
  // Nothing when the token is unknown.
  virtual std::optional<Identity> Identify(std::string_view token) const = 0;
};

}  // namespace pannier::service
