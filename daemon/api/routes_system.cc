// Heartbeat, version, health, identity, reset.
#include <nlohmann/json.hpp>

#include "daemon/api/errors.h"
#include "daemon/api/routes.h"
#include "lib/json/cold.h"

namespace pannier::api {
namespace {

using Tree = nlohmann::json;

class SystemRoutes {
 public:
  explicit SystemRoutes(const RouteContext& context) : context_(context) {}

  Result<http::Response> Heartbeat(const Call&) const {
    const int64_t now = context_.clock.Now().time_since_epoch().count();
    return JsonAnswer("{\"nanosecond heartbeat\":" + std::to_string(now) + "}");
  }

  Result<http::Response> HealthCheck(const Call&) const {
    const bool serving = Now().serving;
    const std::string word = serving ? "true" : "false";
    return JsonAnswer("{\"is_executor_ready\":" + word + ",\"is_log_client_ready\":" + word + "}",
                      serving ? 200 : 503);
  }

  Result<http::Response> PreFlight(const Call&) const {
    return JsonAnswer(
        "{\"max_batch_size\":" + std::to_string(context_.options.limits.batch_size_announced) +
        ",\"supports_base64_encoding\":true}");
  }

  // Where a client may go. Unbound callers are told the defaults, as by Chroma.
  Result<http::Response> Identity(const Call& call) const {
    service::Identity identity{"", "default_tenant", {"default_database"}};
    if (call.caller.authorizer != nullptr) {
      const auto known =
          call.caller.token ? call.caller.authorizer->Identify(*call.caller.token) : std::nullopt;
      if (!known) return ErrorAnswer(401, "AuthError", "Unknown token");
      identity = *known;
    }
    return JsonAnswer(json::Dump({{"user_id", identity.user},
                                  {"tenant", identity.tenant},
                                  {"databases", identity.databases}}));
  }

  Result<http::Response> Reset(const Call&) const {
    if (!context_.options.allow_reset) return PermissionDenied("Reset is disabled by config");
    TRY(context_.stores.Reset());
    return JsonAnswer("true");
  }

  Result<http::Response> HealthPage(const Call&) const {
    const Health health = Now();
    const store::StoreStats stats = context_.stores.stats();
    Tree page = {{"status", health.serving ? "healthy" : "unhealthy"},
                 {"mode", health.mode},
                 {"stores", stats.stores_known},
                 {"open_stores", stats.stores_open},
                 {"collections", stats.collections},
                 {"documents", stats.records}};
    if (!health.reason.empty()) page["reason"] = health.reason;
    if (!health.action.empty()) page["action"] = health.action;
    return JsonAnswer(json::Dump(page), health.serving ? 200 : 503);
  }

 private:
  Health Now() const { return context_.hooks.health ? context_.hooks.health() : Health(); }

  const RouteContext context_;
};

}  // namespace

void AddSystemRoutes(const RouteContext& context, Router* router) {
  const SystemRoutes routes(context);
  const auto open = [&](const char* pattern, Route::Handler handler) {
    router->Add({"GET", pattern, BodyRule::kNone, std::nullopt, std::move(handler)});
  };
  const auto heartbeat = [routes](const Call& call) { return routes.Heartbeat(call); };
  open("/api/v2", heartbeat);
  open("/api/v2/heartbeat", heartbeat);
  open("/api/v2/healthcheck", [routes](const Call& call) { return routes.HealthCheck(call); });
  open("/api/v2/version", [](const Call&) { return Result(JsonAnswer("\"1.0.0\"")); });
  open("/api/v2/pre-flight-checks", [routes](const Call& call) { return routes.PreFlight(call); });
  open("/api/v2/auth/identity", [routes](const Call& call) { return routes.Identity(call); });
  open("/health/chromadb", [routes](const Call& call) { return routes.HealthPage(call); });
  router->Add({"POST", "/api/v2/reset", BodyRule::kNone, service::Scope::kAdmin,
               [routes](const Call& call) { return routes.Reset(call); }});
}

}  // namespace pannier::api
