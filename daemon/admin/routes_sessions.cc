// Who is registered, of all owners; and the end of one.
#include <nlohmann/json.hpp>

#include "daemon/admin/answers.h"
#include "daemon/admin/routes.h"
#include "daemon/sessions/registry.h"
#include "lib/core/time_text.h"

namespace pannier::admin {
namespace {

using nlohmann::json;

json NamesOf(const std::vector<store::StoreName>& stores) {
  json names = json::array();
  for (const store::StoreName& store : stores) names.push_back(store.tenant + "/" + store.database);
  return names;
}

json SessionJson(const sessions::SessionInfo& session) {
  return {{"uid", session.uid.ToString()},
          {"id", session.id},
          {"name", session.name},
          {"owner", session.owner},
          {"created", FormatTime(session.created)},
          {"lastActivity", FormatTime(session.last_activity)},
          {"idleSeconds", session.idle.count()},
          {"timeoutSeconds", session.timeout.count()},
          {"cleanupOnExit", session.cleanup_on_exit},
          {"requests", session.requests},
          {"connections", session.connections},
          {"pid", session.pid == 0 ? json(nullptr) : json(session.pid)},
          {"user", session.user ? json(*session.user) : json(nullptr)},
          {"stores", NamesOf(session.used)}};
}

}  // namespace

void AddSessionRoutes(Router& router, sessions::Registry& sessions) {
  router.Add("GET", "/admin/v1/sessions", [&sessions](const Call&) -> Result<http::Response> {
    json list = json::array();
    for (const sessions::SessionInfo& each : sessions.List()) list.push_back(SessionJson(each));
    return Json(200, {{"sessions", std::move(list)}});
  });
  router.Add("DELETE", "/admin/v1/sessions/{uid}",
             [&sessions](const Call& call) -> Result<http::Response> {
               const Uuid uid = TRY(ParseUid(call.parameters[0]));
               const sessions::Ended ended = TRY(sessions.EndByUid(uid));
               return Json(200, {{"uid", uid.ToString()},
                                 {"temporaryStoresRemoved", ended.stores_removed},
                                 {"storesLeft", NamesOf(ended.stores_left)},
                                 {"connectionsClosed", ended.connections_closed}});
             });
}

}  // namespace pannier::admin
