#include "daemon/admin/admin_api.h"

#include <nlohmann/json.hpp>

#include "daemon/admin/answers.h"
#include "daemon/operations/members.h"
#include "daemon/service/audit.h"
#include "lib/contract/admin_api.h"

namespace pannier::admin {
namespace {

using nlohmann::json;

json StoreJson(const store::StoreInfo& info) {
  return {{"tenant", info.database.tenant},
          {"database", info.database.name},
          {"id", info.database.id.ToString()},
          {"folder", info.folder},
          {"session", info.database.session ? json(info.database.session->ToString()) : json()},
          {"idleAfterSeconds", info.idle_after.count()},
          {"open", info.open},
          {"collections", info.collections},
          {"records", info.records},
          {"sequence", info.sequence},
          {"bytesOnDisk", info.bytes_on_disk},
          {"bytesInMemory", info.bytes_in_memory},
          {"damaged", info.damaged},
          {"damage", info.damaged ? json(info.damage) : json(nullptr)},
          {"lastUsed", operations::TimeOrNull(info.last_used)},
          {"unusedSince", operations::TimeOrNull(info.unused_since)}};
}

}  // namespace

AdminApi::AdminApi(Parts parts) : parts_(std::move(parts)) {
  router_.Add("GET", "/admin/v1/status", [this](const Call&) { return Status(); });
  router_.Add("GET", "/admin/v1/stores", [this](const Call&) { return Stores(); });
}

http::Response AdminApi::HandleMetrics(const http::Request& request) const {
  if (request.method != "GET") return Text(405, "only GET is answered here\n");
  if (request.path == "/metrics") {
    http::Response response = Text(200, parts_.metrics.Render());
    response.content_type = metrics::kContentType;
    return response;
  }
  // Alive is who answers at all; ready is who serves workers.
  if (request.path == "/healthz") return Text(200, "ok\n");
  if (request.path == "/readyz") return Ready();
  return Text(404, "there is /metrics, /healthz and /readyz\n");
}

http::Response AdminApi::HandleAdmin(const http::Request& request) const {
  http::Response response = AnswerAdmin(request);
  service::AuditAdminCall(request, response);
  return response;
}

http::Response AdminApi::AnswerAdmin(const http::Request& request) const {
  if (std::optional<http::Response> answer = router_.Answer(request)) return std::move(*answer);
  if (request.path.starts_with("/admin/")) {
    return Failure(NotFound("there is no " + std::string(request.path.substr(0, 256))));
  }
  return HandleMetrics(request);
}

http::Response AdminApi::Ready() const {
  return parts_.serving ? Text(200, "ready\n") : Text(503, "starting or stopping\n");
}

Result<http::Response> AdminApi::Status() const {
  const uint64_t quarantined = TRY(parts_.stores.ListQuarantine()).size();
  const store::StoreStats stats = parts_.stores.stats();
  const auto uptime =
      std::chrono::duration_cast<std::chrono::seconds>(parts_.clock.Steady() - parts_.started);
  const service::Mode mode = parts_.mode ? parts_.mode() : service::Mode();
  return Json(200, {{"version", parts_.version},
                    {"commit", parts_.commit},
                    {"adminAPI", contract::kAdminApi},
                    {"instanceID", parts_.stores.instance_id().ToString()},
                    {"sessionID", parts_.session_id},
                    {"mode", mode.name},
                    {"modeReason", mode.reason},
                    {"modeAction", mode.action},
                    {"modeSince", operations::TimeOrNull(mode.since)},
                    {"ready", parts_.serving.load()},
                    {"uptimeSeconds", uptime.count()},
                    {"stores",
                     {{"known", stats.stores_known},
                      {"open", stats.stores_open},
                      {"damaged", stats.stores_damaged}}},
                    {"quarantined", quarantined},
                    {"records", stats.records},
                    {"bytesInMemory", stats.bytes_in_memory},
                    {"bytesOnDisk", stats.bytes_on_disk},
                    {"checksumFailures", stats.checksum_failures_total}});
}

Result<http::Response> AdminApi::Stores() const {
  json list = json::array();
  for (const store::StoreInfo& info : TRY(parts_.stores.List())) list.push_back(StoreJson(info));
  return Json(200, {{"stores", std::move(list)}});
}

}  // namespace pannier::admin
