// GET and PUT /admin/v1/mode: which mode the daemon is in, and whether clients may write.
#include <nlohmann/json.hpp>

#include "daemon/admin/answers.h"
#include "daemon/admin/routes.h"
#include "daemon/operations/members.h"

namespace pannier::admin {
namespace {

using nlohmann::json;

constexpr size_t kReasonBytesMax = 512;

http::Response Answer(const service::Mode& mode) {
  return Json(200, {{"mode", mode.name},
                    {"reason", mode.reason},
                    {"action", mode.action},
                    {"since", operations::TimeOrNull(mode.since)}});
}

Status Set(store::Stores& stores, const Call& call) {
  const json body = TRY(operations::ParseObject(call.request.body));
  TRY(operations::CheckMembers(body, {{.name = "mode",
                                       .kind = operations::MemberKind::kChoice,
                                       .required = true,
                                       .choices = {service::kNormal, service::kReadOnly}},
                                      {.name = "reason", .kind = operations::MemberKind::kText}}));
  std::string reason = operations::TextOf(body, "reason").value_or("");
  if (reason.size() > kReasonBytesMax) return InvalidArgument("reason: more than 512 bytes");
  if (body["mode"] == std::string(service::kNormal)) {
    stores.RefuseWrites(std::nullopt);
  } else {
    stores.RefuseWrites(std::move(reason));
  }
  return {};
}

}  // namespace

void AddModeRoutes(Router& router, store::Stores& stores, std::function<service::Mode()> mode) {
  router.Add("GET", "/admin/v1/mode",
             [mode](const Call&) -> Result<http::Response> { return Answer(mode()); });
  router.Add("PUT", "/admin/v1/mode", [&stores, mode](const Call& call) -> Result<http::Response> {
    TRY(Set(stores, call));
    return Answer(mode());
  });
}

}  // namespace pannier::admin
