// What was moved aside: list, release, removal.
#include <nlohmann/json.hpp>

#include "daemon/admin/answers.h"
#include "daemon/admin/routes.h"
#include "daemon/operations/members.h"
#include "lib/core/time_text.h"

namespace pannier::admin {
namespace {

using nlohmann::json;

json StoreJson(const store::QuarantinedStore& each) {
  return {{"id", each.store.ToString()},
          {"store", each.database.empty() ? "" : each.tenant + "/" + each.database},
          {"why", each.why},
          {"since", FormatTime(each.since)},
          {"expires", operations::TimeOrNull(each.expires)},
          {"path", each.path},
          {"bytes", each.bytes}};
}

Result<http::Response> Release(store::Stores& stores, service::Events& events, const Call& call) {
  const Uuid id = TRY(ParseUid(call.parameters[0]));
  const json body = TRY(operations::ParseObject(call.request.body));
  TRY(operations::CheckMembers(
      body, {{.name = "store", .kind = operations::MemberKind::kStore, .required = true}}));
  const operations::StoreName name = *operations::StoreOf(body, "store");
  TRY(operations::CheckNewName(name, "store"));
  TRY(stores.Release(id, name.tenant, name.database));
  events.Normal("StoreReleased", ToString(name), "brought back from quarantine");
  return Json(200, {{"id", id.ToString()}, {"store", ToString(name)}});
}

}  // namespace

void AddQuarantineRoutes(Router& router, store::Stores& stores, service::Events& events) {
  router.Add("GET", "/admin/v1/quarantine", [&stores](const Call&) -> Result<http::Response> {
    json list = json::array();
    for (const auto& each : TRY(stores.ListQuarantine())) list.push_back(StoreJson(each));
    return Json(200, {{"quarantine", std::move(list)}});
  });
  router.Add("POST", "/admin/v1/quarantine/{id}/release",
             [&](const Call& call) { return Release(stores, events, call); });
  router.Add("DELETE", "/admin/v1/quarantine/{id}",
             [&](const Call& call) -> Result<http::Response> {
               const Uuid id = TRY(ParseUid(call.parameters[0]));
               TRY(stores.RemoveQuarantined(id));
               events.Normal("QuarantineRemoved", "", id.ToString() + " was removed for ever");
               return Json(200, {{"id", id.ToString()}});
             });
}

}  // namespace pannier::admin
