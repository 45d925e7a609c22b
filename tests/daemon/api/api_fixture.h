// An Api over real stores in a directory of its own, asked in-process.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/api/api.h"
#include "daemon/sessions/registry.h"
#include "tests/support/temp_dir.h"

namespace pannier::test {

using Tree = nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  int status = 0;
  std::string body;
  std::string type;
  Headers headers;

  Tree json() const { return Tree::parse(body); }
  std::string error() const { return json()["error"]; }
  std::string message() const { return json()["message"]; }
  std::optional<std::string> Header(const std::string& name) const;
};

// Of the default database.
inline const std::string kDatabase = "/api/v2/tenants/default_tenant/databases/default_database";

class ApiFixture {
 public:
  explicit ApiFixture(api::ApiOptions options = {}, api::ApiHooks hooks = {});

  Answer Send(const std::string& method, const std::string& target, const std::string& body = "",
              const Headers& headers = {}, const service::Authorizer* authorizer = nullptr) const;
  Answer Get(const std::string& target) const { return Send("GET", target); }
  Answer Post(const std::string& target, const Tree& body) const {
    return Send("POST", target, body.dump());
  }

  // The path of a new collection's records; `more` joins the body.
  std::string NewCollection(const std::string& name, const Tree& more = Tree::object()) const;
  // The collection as it is now, found by name.
  Tree Collection(const std::string& name) const {
    return Get(kDatabase + "/collections/" + name).json();
  }

  const std::vector<const api::Route*>& routes() const { return api_->routes(); }

  store::Stores& stores() { return *stores_; }
  sessions::Registry& sessions() { return *sessions_; }

 private:
  TempDir dir_;
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<sessions::Registry> sessions_;
  std::unique_ptr<api::Api> api_;
};

}  // namespace pannier::test
