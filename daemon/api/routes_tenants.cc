// Tenants and databases.
#include <algorithm>

#include "daemon/api/body.h"
#include "daemon/api/errors.h"
#include "daemon/api/query_string.h"
#include "daemon/api/routes.h"
#include "daemon/api/session_of_request.h"
#include "daemon/api/target.h"
#include "daemon/model/names.h"
#include "lib/json/writer.h"

namespace pannier::api {
namespace {

constexpr size_t kTenantCharactersMin = 3;

// Of UTF-8: all bytes but the continuations.
size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void AppendDatabase(const store::DatabaseInfo& database, std::string* out) {
  out->append("{\"id\":");
  json::AppendString(database.id.ToString(), out);
  out->append(",\"name\":");
  json::AppendString(database.name, out);
  out->append(",\"tenant\":");
  json::AppendString(database.tenant, out);
  out->push_back('}');
}

// The string `name` of the body's only field of interest.
Result<std::string> ReadOnlyField(const Call& call, std::string_view name) {
  json::BorrowedDocument document;
  const std::string_view names[] = {name};
  const auto fields = TRY(ReadFields(TRY(ParseBody(call.request, *document)), names));
  if (!fields[0]) return MissingField(name);
  return ReadString(*fields[0], name);
}

class TenantRoutes {
 public:
  explicit TenantRoutes(const RouteContext& context)
      : stores_(context.stores), limits_(context.options.limits), sessions_(context.sessions) {}

  Result<http::Response> CreateTenant(const Call& call) const {
    const std::string name = TRY(ReadOnlyField(call, "name"));
    if (CountCharacters(name) < kTenantCharactersMin) {
      return InvalidArgument("Validation error: name: A tenant name has at least 3 characters");
    }
    if (name.size() > limits_.tenant_name_bytes) {
      return InvalidArgument("Validation error: name: A tenant name has at most " +
                             std::to_string(limits_.tenant_name_bytes) + " bytes");
    }
    TRY(stores_.CreateTenant(name));
    return JsonAnswer("{}");
  }

  Result<http::Response> GetTenant(const Call& call) const {
    TRY(stores_.FindTenant(call.tenant()));
    std::string body = "{\"name\":";
    json::AppendString(call.tenant(), &body);
    return JsonAnswer(body + ",\"resource_name\":null}");
  }

  // A single node has no use for resource names; Chroma's accepts them, for any tenant.
  Result<http::Response> UpdateTenant(const Call& call) const {
    TRY(ReadOnlyField(call, "resource_name"));
    return JsonAnswer("{}");
  }

  Result<http::Response> CreateDatabase(const Call& call) const {
    json::BorrowedDocument document;
    constexpr std::string_view kNames[] = {"name", "ephemeral"};
    const auto fields = TRY(ReadFields(TRY(ParseBody(call.request, *document)), kNames));
    if (!fields[0]) return MissingField("name");
    const std::string name = TRY(ReadString(*fields[0], "name"));
    TRY(model::CheckName(name, ""));
    if (!call.caller.May(service::Scope::kAdmin, {call.tenant(), name})) {
      return PermissionDenied("This token may not create database [" + name + "]");
    }
    if (!TRY(WantsTemporary(call, fields[1]))) {
      TRY(stores_.CreateDatabase(call.tenant(), name));
      return JsonAnswer("{}");
    }
    const auto creation = TRY(BeginTemporary(sessions_, call));
    TRY(stores_.CreateDatabase(call.tenant(), name, creation.session()));
    return JsonAnswer("{}");
  }

  // A caller sees the databases that its token may read.
  Result<http::Response> ListDatabases(const Call& call) const {
    const Page page = TRY(ReadPage(call.request.query));
    const bool all = call.caller.authorizer == nullptr;
    std::vector<store::DatabaseInfo> databases =
        all ? TRY(stores_.ListDatabases(call.tenant(), page.limit, page.offset))
            : TRY(ListAllowed(call, page));
    std::string body = "[";
    for (const store::DatabaseInfo& database : databases) {
      if (body.size() > 1) body.push_back(',');
      AppendDatabase(database, &body);
    }
    body.push_back(']');
    return JsonAnswer(std::move(body));
  }

  Result<http::Response> GetDatabase(const Call& call) const {
    TRY(CheckDatabase(call));
    Result<store::DatabaseInfo> found = stores_.FindDatabase(call.tenant(), call.database());
    if (found.Is(Errc::kNotFound)) {
      return NotFound("Database [" + call.database() + "] not found. Are you sure it exists?");
    }
    std::string body;
    AppendDatabase(TRY(std::move(found)), &body);
    return JsonAnswer(std::move(body));
  }

  Result<http::Response> DeleteDatabase(const Call& call) const {
    const Status deleted = stores_.DeleteDatabase(call.tenant(), call.database());
    if (deleted.Is(Errc::kNotFound)) {
      return NotFound("Database [" + call.database() + "] not found");
    }
    TRY(Status(deleted));
    return JsonAnswer("{}");
  }

 private:
  Result<std::vector<store::DatabaseInfo>> ListAllowed(const Call& call, const Page& page) const {
    std::vector<store::DatabaseInfo> found =
        TRY(stores_.ListDatabases(call.tenant(), std::nullopt, 0));
    std::erase_if(found, [&call](const store::DatabaseInfo& database) {
      return !call.caller.May(service::Scope::kRead, {database.tenant, database.name});
    });
    found.erase(found.begin(), found.begin() + std::min<size_t>(page.offset, found.size()));
    if (page.limit) found.resize(std::min<size_t>(*page.limit, found.size()));
    return found;
  }

  store::Stores& stores_;
  const ApiLimits& limits_;
  sessions::Registry* const sessions_;
};

}  // namespace

void AddTenantRoutes(const RouteContext& context, Router* router) {
  using service::Scope;
  const TenantRoutes routes(context);
  const std::string tenant = "/api/v2/tenants/{tenant}";
  router->Add({"POST", "/api/v2/tenants", BodyRule::kJson, Scope::kAdmin,
               [routes](const Call& call) { return routes.CreateTenant(call); }});
  router->Add({"GET", tenant, BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.GetTenant(call); }});
  router->Add({"PATCH", tenant, BodyRule::kJson, Scope::kAdmin,
               [routes](const Call& call) { return routes.UpdateTenant(call); }});
  router->Add({"POST", tenant + "/databases", BodyRule::kJson, Scope::kAdmin,
               [routes](const Call& call) { return routes.CreateDatabase(call); }});
  router->Add({"GET", tenant + "/databases", BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.ListDatabases(call); }});
  router->Add({"GET", kDatabasePath, BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.GetDatabase(call); }});
  router->Add({"DELETE", kDatabasePath, BodyRule::kNone, Scope::kAdmin,
               [routes](const Call& call) { return routes.DeleteDatabase(call); }});
}

}  // namespace pannier::api
