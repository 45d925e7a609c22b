// /pannier/v1/stores: what the stores are doing, and upkeep by hand.
#include <nlohmann/json.hpp>

#include "daemon/api/body.h"
#include "daemon/api/errors.h"
#include "daemon/api/routes.h"
#include "lib/core/time_text.h"
#include "lib/json/cold.h"

namespace pannier::api {
namespace {

using Tree = nlohmann::json;

// As of stores.idleAfter.
constexpr std::chrono::seconds kIdleMin{1};
constexpr std::chrono::seconds kIdleMax{365 * 24 * 3600};

Tree TreeOf(const store::StoreInfo& info) {
  return {
      {"tenant", info.database.tenant},
      {"database", info.database.name},
      {"id", info.database.id.ToString()},
      {"open", info.open},
      {"collections", info.collections},
      {"records", info.records},
      {"sequence", info.sequence},
      {"bytes_on_disk", info.bytes_on_disk},
      {"bytes_in_memory", info.bytes_in_memory},
      {"damaged", info.damaged},
      {"damage", info.damaged ? Tree(info.damage) : Tree()},
      {"folder", info.folder},
      {"ephemeral", info.database.session.has_value()},
      {"idle_after_seconds", info.idle_after.count()},
      {"last_used",
       info.last_used ? Tree(FormatTime(std::chrono::floor<std::chrono::seconds>(*info.last_used)))
                      : Tree()}};
}

class StoreRoutes {
 public:
  explicit StoreRoutes(const RouteContext& context) : stores_(context.stores) {}

  Result<http::Response> List(const Call&) const {
    Tree list = Tree::array();
    for (const store::StoreInfo& info : TRY(stores_.List())) list.push_back(TreeOf(info));
    return JsonAnswer(json::Dump({{"stores", std::move(list)}}));
  }

  Result<http::Response> Describe(const Call& call) const {
    return JsonAnswer(json::Dump(TreeOf(TRY(stores_.Describe(call.tenant(), call.database())))));
  }

  Result<http::Response> Flush(const Call& call) const {
    const store::StoreRef store = TRY(stores_.Acquire(call.tenant(), call.database()));
    TRY(store->Flush(call.context));
    return JsonAnswer(json::Dump({{"sequence", store->sequence()}}));
  }

  Result<http::Response> Warm(const Call& call) const {
    const store::StoreRef store = TRY(stores_.Acquire(call.tenant(), call.database()));
    TRY(store->Warm(call.context));
    return JsonAnswer(json::Dump({{"sequence", store->sequence()}}));
  }

  // How long this store may be idle, whatever the configuration says; null: as it says.
  Result<http::Response> SetIdleAfter(const Call& call) const {
    json::BorrowedDocument document;
    constexpr std::string_view kNames[] = {"idle_after_seconds"};
    const auto fields = TRY(ReadFields(TRY(ParseBody(call.request, *document)), kNames));
    if (!fields[0]) return MissingField(kNames[0]);
    std::optional<std::chrono::seconds> idle_after;
    if (Given(fields[0])) {
      idle_after = std::chrono::seconds(TRY(ReadUint32(*fields[0], kNames[0])));
      if (*idle_after < kIdleMin || *idle_after > kIdleMax) {
        return InvalidArgument("idle_after_seconds is from 1 to " +
                               std::to_string(kIdleMax.count()) + ", or null");
      }
    }
    TRY(stores_.SetIdleAfter(call.tenant(), call.database(), idle_after));
    return Describe(call);
  }

  // False when a request holds the store: it is closed later, when it is idle.
  Result<http::Response> Close(const Call& call) const {
    const bool closed = TRY(stores_.Close(call.tenant(), call.database()));
    return JsonAnswer(json::Dump({{"closed", closed}}));
  }

 private:
  store::Stores& stores_;
};

}  // namespace

void AddStoreRoutes(const RouteContext& context, Router* router) {
  using service::Scope;
  const StoreRoutes routes(context);
  const std::string all = "/pannier/v1/stores", one = all + "/{tenant}/{database}";
  router->Add({"GET", all, BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.List(call); }});
  router->Add({"GET", one, BodyRule::kNone, Scope::kRead,
               [routes](const Call& call) { return routes.Describe(call); }});
  router->Add({"PATCH", one, BodyRule::kJson, Scope::kAdmin,
               [routes](const Call& call) { return routes.SetIdleAfter(call); }});
  router->Add({"POST", one + "/flush", BodyRule::kNone, Scope::kAdmin,
               [routes](const Call& call) { return routes.Flush(call); }});
  router->Add({"POST", one + "/warm", BodyRule::kNone, Scope::kAdmin,
               [routes](const Call& call) { return routes.Warm(call); }});
  router->Add({"POST", one + "/close", BodyRule::kNone, Scope::kAdmin,
               [routes](const Call& call) { return routes.Close(call); }});
}

}  // namespace pannier::api
