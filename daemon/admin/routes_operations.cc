// PUT, GET, cancel and grants of operations.
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

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

struct Grants {
  std::vector<operations::Grant> grants;
  std::optional<uint64_t> epoch;
};

// What a URL may have been signed with.
constexpr std::string_view kGrantHeaders[] = {"x-amz-server-side-encryption",
                                              "x-amz-server-side-encryption-aws-kms-key-id",
                                              "x-amz-storage-class"};

std::vector<operations::Member> GrantMembers() {
  using operations::MemberKind;
  std::vector<operations::Member> headers;
  for (const std::string_view name : kGrantHeaders) headers.push_back({.name = name});
  return {{.name = "method",
           .kind = MemberKind::kChoice,
           .required = true,
           .choices = {"GET", "PUT", "HEAD"}},
          {.name = "key", .required = true},
          {.name = "url", .required = true},
          {.name = "expiresAt", .kind = MemberKind::kTime},
          {.name = "headers", .kind = MemberKind::kObject, .members = headers}};
}

Result<operations::Grant> ParseGrant(const json& tree,
                                     const std::vector<operations::Member>& members) {
  if (!tree.is_object()) return InvalidArgument("a grant must be an object");
  TRY(operations::CheckMembers(tree, members, "grants."));
  operations::Grant grant;
  grant.method = *operations::TextOf(tree, "method");
  grant.key = *operations::TextOf(tree, "key");
  grant.url = *operations::TextOf(tree, "url");
  grant.expires = operations::TimeOf(tree, "expiresAt").value_or(WallTime::max());
  const json headers = tree.value("headers", json());
  for (const std::string_view name : kGrantHeaders) {
    if (auto value = operations::TextOf(headers, name)) grant.headers.emplace_back(name, *value);
  }
  return grant;
}

Result<Grants> ParseGrants(std::string_view body) {
  using operations::MemberKind;
  const json tree = TRY(pannier::json::ParseCold(body));
  if (!tree.is_object() || !tree.contains("grants") || !tree["grants"].is_array()) {
    return InvalidArgument("the member \"grants\" must be a list");
  }
  if (tree["grants"].size() > kGrantsMax) return InvalidArgument("too many grants at once");
  const json others = {{"epoch", tree.value("epoch", json())},
                       {"caBundle", tree.value("caBundle", json())}};
  TRY(operations::CheckMembers(
      others, {{.name = "epoch", .kind = MemberKind::kCount}, {.name = "caBundle"}}));
  std::shared_ptr<const std::string> ca_pem;
  if (auto pem = operations::TextOf(others, "caBundle")) {
    ca_pem = std::make_shared<std::string>(*std::move(pem));
  }
  Grants parsed;
  parsed.epoch = operations::CountOf(others, "epoch");
  const std::vector<operations::Member> members = GrantMembers();
  for (const json& each : tree["grants"]) {
    parsed.grants.push_back(TRY(ParseGrant(each, members)));
    parsed.grants.back().ca_pem = ca_pem;
  }
  return parsed;
}

Result<http::Response> Cancel(Executor& executor, const Call& call) {
  const Uuid uid = TRY(ParseUid(call.parameters[0]));
  std::optional<uint64_t> epoch;
  if (call.Query("epoch")) epoch = TRY(NumberOf(call, "epoch", 0));
  TRY(executor.Cancel(uid, epoch));
  return Json(200, TRY(executor.Show(uid)));
}

Result<http::Response> Grant(Executor& executor, const Call& call) {
  const Uuid uid = TRY(ParseUid(call.parameters[0]));
  const Grants given = TRY(ParseGrants(call.request.body));
  TRY(executor.GiveGrants(uid, given.grants, given.epoch));
  return Json(200, TRY(executor.Show(uid)));
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
  router.Add("POST", one + "/cancel",
             [&executor](const Call& call) { return Cancel(executor, call); });
  router.Add("POST", one + "/grants",
             [&executor](const Call& call) { return Grant(executor, call); });
}

}  // namespace pannier::admin
