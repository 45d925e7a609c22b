// add, update, upsert, delete, count, get, query: parse, check, ask the store, write the answer.
#include <nlohmann/json.hpp>

#include "daemon/api/answers.h"
#include "daemon/api/body.h"
#include "daemon/api/errors.h"
#include "daemon/api/parse_reads.h"
#include "daemon/api/parse_records.h"
#include "daemon/api/query_string.h"
#include "daemon/api/routes.h"
#include "daemon/api/target.h"
#include "daemon/model/configuration.h"
#include "lib/json/cold.h"
#include "lib/json/writer.h"

namespace pannier::api {
namespace {

Status CheckFilter(const Target& target, const model::Selection& selection) {
  if (!selection.filter) return {};
  return model::CheckFilterAllowed(target.info->schema, *selection.filter);
}

// Every later read sees what was written up to this sequence.
http::Response WriteAnswer(int status, std::string body, index::Sequence sequence) {
  http::Response response = JsonAnswer(std::move(body), status);
  response.headers.emplace_back("pannier-sequence", std::to_string(sequence));
  return response;
}

const char* NameOf(index::Plan plan) {
  switch (plan) {
    case index::Plan::kExact:
      return "scan";
    case index::Plan::kGraph:
      return "graph";
    case index::Plan::kFilteredWalk:
      return "filtered-graph";
  }
  return "";
}

class RecordRoutes {
 public:
  explicit RecordRoutes(const RouteContext& context)
      : stores_(context.stores), limits_(context.options.limits) {}

  Result<http::Response> Write(const Call& call, model::WriteKind kind) const {
    const model::RecordBatch batch = TRY(ParseBatch(call, kind));
    const Target target = TRY(FindTarget(stores_, call));
    const int status = kind == model::WriteKind::kAdd ? 201 : 200;
    if (batch.ids.empty()) return WriteAnswer(status, "{}", target.store->sequence());
    const index::Sequence sequence = TRY(target.store->Write(target.id, kind, batch, call.context));
    return WriteAnswer(status, "{}", sequence);
  }

  Result<http::Response> Delete(const Call& call) const {
    json::BorrowedDocument document;
    const json::Value body = TRY(ParseBody(call.request, *document));
    const DeleteRequest request = TRY(AfterTarget(stores_, call, ParseDelete(body, limits_)));
    const Target target = TRY(FindTarget(stores_, call));
    TRY(CheckFilter(target, request.selection));
    uint64_t deleted = 0;
    if (!request.nothing) {
      deleted =
          TRY(target.store->Delete(target.id, request.selection, request.limit, call.context));
    }
    return WriteAnswer(200, "{\"deleted\":" + std::to_string(deleted) + "}",
                       target.store->sequence());
  }

  Result<http::Response> Count(const Call& call) const {
    TRY(CheckReadLevel(call.request.query));
    const Target target = TRY(FindTarget(stores_, call));
    return JsonAnswer(std::to_string(TRY(target.store->Count(target.id, call.context))));
  }

  Result<http::Response> Get(const Call& call) const {
    WithInclude<model::GetRequest> parsed = TRY(ParseBodyWith(call, ParseGet));
    return Read(call, std::move(parsed), std::nullopt, &store::Store::Get);
  }

  Result<http::Response> Query(const Call& call) const {
    WithInclude<model::QueryRequest> parsed = TRY(ParseBodyWith(call, ParseQuery));
    const auto queries = parsed.request.count;
    return Read(call, std::move(parsed), queries, &store::Store::Query);
  }

  // Ours: how the query would be answered, and why.
  Result<http::Response> Explain(const Call& call) const {
    const WithInclude<model::QueryRequest> parsed = TRY(ParseBodyWith(call, ParseQuery));
    const Target target = TRY(FindTarget(stores_, call));
    TRY(CheckFilter(target, parsed.request.selection));
    const store::Explanation told =
        TRY(target.store->Explain(target.id, parsed.request, call.context));
    nlohmann::json searches = nlohmann::json::array();
    for (const index::SearchReport& search : told.searches) {
      searches.push_back({{"plan", NameOf(search.plan)},
                          {"why", search.why},
                          {"candidates", search.candidates},
                          {"distances_computed", search.distances_computed},
                          {"graph_nodes", search.graph_nodes},
                          {"tail", search.tail},
                          {"ef", search.ef},
                          {"scan_shared_by", search.shared_by}});
    }
    return JsonAnswer(
        json::Dump({{"sequence", told.sequence},
                    {"vectors", told.in_memory ? "memory" : "file"},
                    {"selected", told.selected ? nlohmann::json(*told.selected) : nlohmann::json()},
                    {"documents_undecided", told.undecided},
                    {"searches", std::move(searches)}}));
  }

  Result<http::Response> IndexingStatus(const Call& call) const {
    const Target target = TRY(FindTarget(stores_, call));
    const store::CollectionStatus status = TRY(target.store->Describe(target.id, call.context));
    const uint64_t total = status.indexed + status.tail;
    std::string body = "{\"op_indexing_progress\":";
    json::AppendDouble(
        total == 0 ? 1.0 : static_cast<double>(status.indexed) / static_cast<double>(total), &body);
    body += ",\"num_unindexed_ops\":" + std::to_string(status.tail) +
            ",\"num_indexed_ops\":" + std::to_string(status.indexed) +
            ",\"total_ops\":" + std::to_string(total) + "}";
    return JsonAnswer(std::move(body));
  }

 private:
  // The document goes back to the thread before the store is asked: a waiting write should not hold
  // the memory of its body twice.
  Result<model::RecordBatch> ParseBatch(const Call& call, model::WriteKind kind) const {
    json::BorrowedDocument document;
    const json::Value body = TRY(ParseBody(call.request, *document));
    return AfterTarget(stores_, call, ParseRecords(body, kind, limits_));
  }

  // `queries`: how many lists the answer holds; nothing: one flat list.
  template <typename Request>
  Result<http::Response> Read(const Call& call, WithInclude<Request> parsed,
                              std::optional<uint32_t> queries,
                              Status (store::Store::*read)(const Uuid&, const Request&,
                                                           const model::RecordVisitor&,
                                                           const store::CallContext&)) const {
    const Target target = TRY(FindTarget(stores_, call));
    TRY(CheckFilter(target, parsed.request.selection));
    AnswerWriter answer(parsed.request.include, std::move(parsed.include), queries,
                        limits_.answer_bytes);
    const auto visit = [&answer](uint32_t query, const model::RecordView& record, float distance) {
      return answer.Add(query, record, distance);
    };
    TRY((target.store.get()->*read)(target.id, parsed.request, visit, call.context));
    return JsonAnswer(TRY(answer.Take()));
  }

  template <typename Request>
  Result<WithInclude<Request>> ParseBodyWith(
      const Call& call,
      Result<WithInclude<Request>> (*parse)(const json::Value&, const ApiLimits&)) const {
    json::BorrowedDocument document;
    const json::Value body = TRY(ParseBody(call.request, *document));
    return AfterTarget(stores_, call, parse(body, limits_));
  }

  store::Stores& stores_;
  const ApiLimits& limits_;
};

}  // namespace

void AddRecordRoutes(const RouteContext& context, Router* router) {
  using service::Scope;
  const RecordRoutes routes(context);
  const std::string base = std::string(kDatabasePath) + "/collections/{collection}";
  const auto add = [&](const char* method, const char* name, BodyRule body, Scope scope,
                       Route::Handler handler) {
    router->Add({method, base + "/" + name, body, scope, std::move(handler)});
  };
  const auto write = [routes](model::WriteKind kind) {
    return [routes, kind](const Call& call) { return routes.Write(call, kind); };
  };
  add("POST", "add", BodyRule::kRecords, Scope::kWrite, write(model::WriteKind::kAdd));
  add("POST", "update", BodyRule::kRecords, Scope::kWrite, write(model::WriteKind::kUpdate));
  add("POST", "upsert", BodyRule::kRecords, Scope::kWrite, write(model::WriteKind::kUpsert));
  add("POST", "delete", BodyRule::kJson, Scope::kWrite,
      [routes](const Call& call) { return routes.Delete(call); });
  add("POST", "get", BodyRule::kJson, Scope::kRead,
      [routes](const Call& call) { return routes.Get(call); });
  add("POST", "query", BodyRule::kRecords, Scope::kRead,
      [routes](const Call& call) { return routes.Query(call); });
  router->Add({"POST", "/pannier/v1/stores/{tenant}/{database}/collections/{collection}/explain",
               BodyRule::kRecords, Scope::kRead,
               [routes](const Call& call) { return routes.Explain(call); }});
  add("GET", "count", BodyRule::kNone, Scope::kRead,
      [routes](const Call& call) { return routes.Count(call); });
  add("GET", "indexing_status", BodyRule::kNone, Scope::kRead,
      [routes](const Call& call) { return routes.IndexingStatus(call); });
}

}  // namespace pannier::api
