// What a single node does not do. Chroma's own refuses the same; clients know these answers.
#include "daemon/api/errors.h"
#include "daemon/api/routes.h"
#include "daemon/api/target.h"

namespace pannier::api {
namespace {

Route::Handler Refuse(std::string text) {
  return [text = std::move(text)](const Call&) -> Result<http::Response> {
    return Unimplemented(text);
  };
}

Result<http::Response> NoSuchFunction(const Call&) {
  return NotFound("Attached function not found");
}

Result<http::Response> NoTransactions(const Call&) {
  return ErrorAnswer(501, "TransactionsNotSupported",
                     "conditional transactions are disabled by frontend configuration");
}

}  // namespace

void AddRefusedRoutes(const RouteContext& context, Router* router) {
  using service::Scope;
  const std::string base = std::string(kDatabasePath) + "/collections/{collection}";
  const auto add = [&](const char* method, const char* path, Scope scope, Route::Handler handler,
                       BodyRule body = BodyRule::kNone) {
    router->Add({method, base + path, body, scope, std::move(handler)});
  };
  add("POST", "/search", Scope::kRead,
      Refuse("Error executing plan: Not implemented: Search operation is not implemented for local "
             "executor"),
      BodyRule::kRecords);
  add("POST", "/fork", Scope::kWrite, Refuse("Collection forking is unsupported for local chroma"));
  add("GET", "/fork_count", Scope::kRead,
      [&stores = context.stores](const Call& call) -> Result<http::Response> {
        TRY(FindTarget(stores, call));  // Chroma says first when there is no such collection
        return Unimplemented("Count forks is unsupported for local chroma");
      });
  const std::string functions = "Attached functions are unsupported for local chroma";
  add("POST", "/functions/attach", Scope::kWrite, Refuse(functions));
  add("POST", "/attached_functions/{function}/detach", Scope::kWrite, Refuse(functions));
  add("POST", "/attached_functions/{function}/add_input", Scope::kWrite, Refuse(functions));
  add("GET", "/functions/{function}", Scope::kRead, NoSuchFunction);
  add("POST", "/conditional/get", Scope::kRead, NoTransactions);
  add("POST", "/conditional/commit", Scope::kWrite, NoTransactions);
}

}  // namespace pannier::api
