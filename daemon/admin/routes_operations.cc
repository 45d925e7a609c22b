// PUT, GET, cancel and grants of operations.
#include <charconv>
#include <nlohmann/json.hpp>

#include "daemon/admin/answers.h"
#include "daemon/admin/routes.h"
#include "daemon/operations/members.h"
#include "lib/json/cold.h"

namespace pannier::admin {
namespace {

using nlohmann::json;
using operations::Executor;

constexpr uint64_t kListedMax = 1'000;
constexpr size_t kGrantsMax = 100'000;

Result<http::Response> Submit(Executor& executor, const Call& call) {
  const Uuid uid = TRY(ParseUid(call.parameters[0]));
  const Executor::Submitted submitted = TRY(executor.Submit(uid, call.request.body));
  return Json(submitted.is_new ? 201 : 200, submitted.operation);
}

Result<http::Response> List(const Executor& executor, const Call& call) {
  const uint64_t limit = TRY(NumberOf(call, "limit", 100));
  json list = json::array();
  for (json& operation : TRY(executor.List(static_cast<uint32_t>(std::min(limit, kListedMax))))) {
    list.push_back(std::move(operation));
  }
  return Json(200, {{"operations", std::move(list)}});
}

Result<std::vector<operations::Grant>> ParseGrants(std::string_view body) {
  using operations::MemberKind;
  const json tree = TRY(pannier::json::ParseCold(body));
  if (!tree.is_object() || !tree.contains("grants") || !tree["grants"].is_array()) {
    return InvalidArgument("the member \"grants\" must be a list");
  }
  if (tree["grants"].size() > kGrantsMax) return InvalidArgument("too many grants at once");
  const std::vector<operations::Member> members = {
      {.name = "method",
       .kind = MemberKind::kChoice,
       .required = true,
       .choices = {"GET", "PUT", "HEAD"}},
      {.name = "key", .required = true},
      {.name = "url", .required = true},
      {.name = "expiresAt", .kind = MemberKind::kTime}};
  std::vector<operations::Grant> grants;
  for (const json& each : tree["grants"]) {
    if (!each.is_object()) return InvalidArgument("a grant must be an object");
    TRY(operations::CheckMembers(each, members, "grants."));
    operations::Grant grant;
    grant.method = *operations::TextOf(each, "method");
    grant.key = *operations::TextOf(each, "key");
    grant.url = *operations::TextOf(each, "url");
    grant.expires = operations::TimeOf(each, "expiresAt").value_or(WallTime::max());
    grants.push_back(std::move(grant));
  }
  return grants;
}

}  // namespace

Result<Uuid> ParseUid(const std::string& text) {
  const auto uid = Uuid::Parse(text);
  if (uid && !uid->IsNil()) return *uid;
  return InvalidArgument("\"" + text.substr(0, 64) + "\" is no UUID");
}

Result<uint64_t> NumberOf(const Call& call, std::string_view name, uint64_t by_default) {
  const auto text = call.Query(name);
  if (!text) return by_default;
  uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [rest, error] = std::from_chars(text->data(), end, number);
  if (error == std::errc() && rest == end && !text->empty()) return number;
  return InvalidArgument("the parameter \"" + std::string(name) + "\" must be a whole number");
}

void AddOperationRoutes(Router& router, Executor& executor) {
  const std::string one = "/admin/v1/operations/{uid}";
  router.Add("PUT", one, [&executor](const Call& call) { return Submit(executor, call); });
  router.Add("GET", one, [&executor](const Call& call) -> Result<http::Response> {
    return Json(200, TRY(executor.Show(TRY(ParseUid(call.parameters[0])))));
  });
  router.Add("GET", "/admin/v1/operations",
             [&executor](const Call& call) { return List(executor, call); });
  router.Add("POST", one + "/cancel", [&executor](const Call& call) -> Result<http::Response> {
    const Uuid uid = TRY(ParseUid(call.parameters[0]));
    TRY(executor.Cancel(uid));
    return Json(200, TRY(executor.Show(uid)));
  });
  router.Add("POST", one + "/grants", [&executor](const Call& call) -> Result<http::Response> {
    const Uuid uid = TRY(ParseUid(call.parameters[0]));
    TRY(executor.GiveGrants(uid, TRY(ParseGrants(call.request.body))));
    return Json(200, TRY(executor.Show(uid)));
  });
}

}  // namespace pannier::admin
