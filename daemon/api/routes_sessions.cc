// /pannier/v1/sessions: workers say that they are there, and what goes with them.
#include <nlohmann/json.hpp>

#include "daemon/api/body.h"
#include "daemon/api/errors.h"
#include "daemon/api/routes.h"
#include "daemon/api/session_of_request.h"
#include "lib/core/time_text.h"
#include "lib/json/cold.h"

namespace pannier::api {
namespace {

using sessions::Origin;
using sessions::SessionInfo;
using Tree = nlohmann::json;

std::string Seconds(WallTime time) {
  return FormatTime(std::chrono::floor<std::chrono::seconds>(time));
}

Tree NamesOf(const std::vector<store::StoreName>& stores) {
  Tree names = Tree::array();
  for (const store::StoreName& store : stores) {
    names.push_back({{"tenant", store.tenant}, {"database", store.database}});
  }
  return names;
}

Tree TreeOf(const SessionInfo& session) {
  return {{"id", session.id},
          {"name", session.name},
          {"created", Seconds(session.created)},
          {"last_activity", Seconds(session.last_activity)},
          {"idle_seconds", session.idle.count()},
          {"timeout_seconds", session.timeout.count()},
          {"cleanup_on_exit", session.cleanup_on_exit},
          {"requests", session.requests},
          {"connections", session.connections},
          {"pid", session.pid == 0 ? Tree() : Tree(session.pid)},
          {"uid", session.user ? Tree(*session.user) : Tree()},
          {"stores", NamesOf(session.used)}};
}

Result<sessions::Wanted> ReadWanted(const http::Request& request) {
  sessions::Wanted wanted;
  if (request.body.empty()) return wanted;
  json::BorrowedDocument document;
  constexpr std::string_view kNames[] = {"id", "name", "cleanup_on_exit", "timeout_seconds"};
  const auto fields = TRY(ReadFields(TRY(ParseBody(request, *document)), kNames));
  if (Given(fields[0])) wanted.id = TRY(ReadString(*fields[0], kNames[0]));
  if (Given(fields[1])) wanted.name = TRY(ReadString(*fields[1], kNames[1]));
  if (Given(fields[2])) {
    if (fields[2]->kind() != json::Kind::kBool) return WrongType(kNames[2], "a boolean");
    wanted.cleanup_on_exit = fields[2]->AsBool();
  }
  if (Given(fields[3])) {
    wanted.timeout = std::chrono::seconds(TRY(ReadUint32(*fields[3], kNames[3])));
  }
  return wanted;
}

class SessionRoutes {
 public:
  explicit SessionRoutes(const RouteContext& context) : sessions_(*context.sessions) {}

  Result<http::Response> Register(const Call& call, const Origin& origin) const {
    const sessions::Wanted wanted = TRY(ReadWanted(call.request));
    const auto registered = TRY(sessions_.Register(origin, wanted));
    Tree tree = TreeOf(registered.session);
    tree["is_new"] = registered.is_new;
    return JsonAnswer(json::Dump(tree), registered.is_new ? 201 : 200);
  }

  Result<http::Response> List(const Call&, const Origin& origin) const {
    Tree list = Tree::array();
    for (const SessionInfo& session : sessions_.List(origin.owner)) list.push_back(TreeOf(session));
    return JsonAnswer(json::Dump({{"sessions", std::move(list)}}));
  }

  Result<http::Response> Describe(const Call& call, const Origin& origin) const {
    return JsonAnswer(json::Dump(TreeOf(TRY(sessions_.Find(origin.owner, call.parameters[0])))));
  }

  Result<http::Response> Heartbeat(const Call& call, const Origin& origin) const {
    return JsonAnswer(json::Dump(TreeOf(TRY(sessions_.Heartbeat(origin, call.parameters[0])))));
  }

  Result<http::Response> End(const Call& call, const Origin& origin) const {
    const sessions::Ended ended = TRY(sessions_.End(origin.owner, call.parameters[0]));
    return JsonAnswer(json::Dump({{"id", call.parameters[0]},
                                  {"stores_removed", ended.stores_removed},
                                  {"stores_left", NamesOf(ended.stores_left)}}));
  }

 private:
  sessions::Registry& sessions_;
};

}  // namespace

// Whoever has any token may have sessions: each caller meets only its own.
void AddSessionRoutes(const RouteContext& context, Router* router) {
  const SessionRoutes routes(context);
  using Method = Result<http::Response> (SessionRoutes::*)(const Call&, const Origin&) const;
  const auto add = [&](const char* verb, const std::string& pattern, BodyRule body, Method method) {
    router->Add({verb, pattern, body, std::nullopt,
                 [routes, method](const Call& call) -> Result<http::Response> {
                   const auto owner = OwnerOf(call.caller, call.request.peer);
                   if (!owner) return ErrorAnswer(401, "AuthError", "Unknown token");
                   return (routes.*method)(call, OriginOf(*owner, call.request));
                 }});
  };
  const std::string all = "/pannier/v1/sessions", one = all + "/{session}";
  add("POST", all, BodyRule::kJson, &SessionRoutes::Register);
  add("GET", all, BodyRule::kNone, &SessionRoutes::List);
  add("GET", one, BodyRule::kNone, &SessionRoutes::Describe);
  add("PUT", one + "/heartbeat", BodyRule::kNone, &SessionRoutes::Heartbeat);
  add("POST", one + "/heartbeat", BodyRule::kNone, &SessionRoutes::Heartbeat);
  add("DELETE", one, BodyRule::kNone, &SessionRoutes::End);
}

}  // namespace pannier::api
