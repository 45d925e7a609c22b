#include "daemon/operations/operation_json.h"

#include "daemon/operations/members.h"
#include "lib/core/time_text.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

// What all operations show; the rest is null until it is known.
json Base(const Uuid& uid, WallTime created, uint32_t attempts) {
  return {{"uid", uid.ToString()}, {"action", nullptr},    {"store", nullptr},
          {"progress", nullptr},   {"attempts", attempts}, {"createdAt", FormatTime(created)},
          {"startedAt", nullptr},  {"endedAt", nullptr},   {"plan", nullptr},
          {"result", nullptr},     {"error", nullptr},     {"wants", json::array()}};
}

void Describe(const Request& request, json& view) {
  view["action"] = ToString(request.action);
  if (request.store) view["store"] = ToString(*request.store);
  if (!request.repository.empty()) view["repository"] = request.repository;
  if (request.dry_run) view["dryRun"] = true;
}

}  // namespace

json ErrorJson(const Error& error) {
  return {
      {"error", std::string(ToString(error.code))}, {"message", error.what}, {"hint", error.hint}};
}

json LiveJson(const Request& request, const LiveState& live) {
  json view = Base(request.uid, live.created, live.attempts);
  Describe(request, view);
  view["state"] = ToString(live.state);
  view["startedAt"] = TimeOrNull(live.started);
  view["plan"] = live.plan;
  if (!live.phase.empty()) {
    view["progress"] = {{"phase", live.phase}, {"done", live.done}, {"total", live.total}};
  }
  for (const Want& want : live.wants) {
    view["wants"].push_back({{"method", want.method}, {"key", want.key}});
  }
  return view;
}

json EndedJson(const json& plan, const Result<json>& result, std::optional<WallTime> started) {
  json kept = {{"plan", plan}, {"startedAt", TimeOrNull(started)}};
  kept["result"] = result.ok() ? *result : json(nullptr);
  kept["error"] = result.ok() ? json(nullptr) : ErrorJson(result.error());
  return kept;
}

json EntryJson(const store::JournalEntry& entry) {
  json view = Base(entry.uid, entry.created, entry.attempts);
  const Result<Request> request = ParseRequest(entry.uid, entry.request);
  if (request.ok()) Describe(*request, view);
  view["state"] = entry.state;
  if (!entry.ended) return view;
  view["endedAt"] = FormatTime(entry.changed);
  const Result<json> kept = pannier::json::ParseCold(entry.result);
  if (!kept.ok() || !kept->is_object()) return view;
  for (const char* part : {"plan", "startedAt", "result", "error"}) {
    if (kept->contains(part)) view[part] = (*kept)[part];
  }
  return view;
}

}  // namespace pannier::operations
