#include "cli/cluster/status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cluster/kinds.h"
#include "cli/cluster/object_view.h"
#include "cli/output.h"

namespace pannier::cluster {
namespace {

using cli::Answer;
using cli::Column;
using kube::At;
using kube::TextAt;
using nlohmann::json;

void Put(json& row, const char* member, const std::string& text) {
  if (!text.empty()) row[member] = text;
}

void Put(json& row, const char* member, const std::optional<int64_t>& number) {
  if (number) row[member] = *number;
}

// What rows of all kinds have.
json RowOf(const json& object, const char* condition, WallTime now) {
  json row = {{"namespace", TextAt(object, "/metadata/namespace")},
              {"name", TextAt(object, "/metadata/name")},
              {"age", AgeAt(object, "/metadata/creationTimestamp", now)}};
  const ConditionView view = ConditionOf(object, condition);
  row["is"] = view.status.empty() ? "Unknown" : view.status;
  Put(row, "reason", view.reason);
  Put(row, "message", view.message);
  return row;
}

// Only what a table of this format shows: the namespace where there are several, what is wide.
std::string Table(const std::string& heading, const json& rows, std::vector<Column> columns,
                  std::vector<Column> wide, const Arguments& arguments) {
  if (arguments.all_namespaces) columns.insert(columns.begin(), {"NAMESPACE", "namespace"});
  if (arguments.format == Format::kWide) {
    columns.insert(columns.end(), wide.begin(), wide.end());
  }
  return (heading.empty() ? "" : heading + ":\n") + cli::ToTable(rows, columns);
}

std::string PlaceOf(const Arguments& arguments, const Session& session) {
  return arguments.all_namespaces ? "any namespace" : "namespace " + session.ns;
}

std::string ScopeOf(const Arguments& arguments, const Session& session) {
  return arguments.all_namespaces ? "" : session.ns;
}

// --- status ---

json VectorStoreRow(const json& object, WallTime now) {
  json row = RowOf(object, "Ready", now);
  const auto matched = NumberAt(object, "/status/pods/matched");
  const auto reachable = NumberAt(object, "/status/pods/reachable");
  if (matched) {
    row["pods"] = std::to_string(reachable.value_or(0)) + "/" + std::to_string(*matched);
  }
  Put(row, "stores", NumberAt(object, "/status/stores/total"));
  Put(row, "corrupt", NumberAt(object, "/status/stores/corrupt"));
  Put(row, "bytes", NumberAt(object, "/status/stores/bytes"));
  row["lastSnapshot"] = AgeAt(object, "/status/lastSnapshotTime", now);
  Put(row, "repository", TextAt(object, "/spec/repositoryRef/name"));
  Put(row, "daemon", TextAt(object, "/status/daemonVersions/0/version"));
  return row;
}

json RepositoryRow(const json& object, WallTime now) {
  json row = RowOf(object, "Ready", now);
  Put(row, "type", TextAt(object, "/status/type"));
  Put(row, "snapshots", NumberAt(object, "/status/snapshots"));
  Put(row, "bytes", NumberAt(object, "/status/bytes"));
  row["newest"] = AgeAt(object, "/status/newestSnapshotTime", now);
  return row;
}

json ScheduleRow(const json& object, WallTime now) {
  json row = RowOf(object, "Ready", now);
  Put(row, "schedule", TextAt(object, "/spec/schedule"));
  row["lastSuccess"] = AgeAt(object, "/status/lastSuccessfulTime", now);
  Put(row, "next", TextAt(object, "/status/nextScheduleTime"));
  Put(row, "failures", NumberAt(object, "/status/consecutiveFailures"));
  return row;
}

json UnhealthyRows(const std::vector<json>& vector_stores, WallTime now) {
  json rows = json::array();
  for (const json& object : vector_stores) {
    for (const json& each : At(object, "/status/unhealthyStores")) {
      json row = {{"namespace", TextAt(object, "/metadata/namespace")},
                  {"vectorStore", TextAt(object, "/metadata/name")},
                  {"since", AgeAt(each, "/since", now)}};
      Put(row, "pod", TextAt(each, "/podName"));
      Put(row, "store", TextAt(each, "/storeName"));
      Put(row, "state", TextAt(each, "/state"));
      Put(row, "reason", TextAt(each, "/reason"));
      Put(row, "operation", TextAt(each, "/operationName"));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

template <typename RowMaker>
json RowsOf(const std::vector<json>& objects, const RowMaker& make, WallTime now) {
  json rows = json::array();
  for (const json& object : objects) rows.push_back(make(object, now));
  return rows;
}

struct Everything {
  std::vector<json> vector_stores, repositories, schedules;
};

std::string StoresText(const std::vector<json>& vector_stores, const Arguments& arguments,
                       WallTime now) {
  std::string text = Table("VectorStores", RowsOf(vector_stores, VectorStoreRow, now),
                           {{"NAME", "name"},
                            {"READY", "is"},
                            {"REASON", "reason"},
                            {"PODS", "pods"},
                            {"STORES", "stores"},
                            {"CORRUPT", "corrupt"},
                            {"LAST-SNAPSHOT", "lastSnapshot"}},
                           {{"SIZE", "bytes"},
                            {"REPOSITORY", "repository"},
                            {"DAEMON", "daemon"},
                            {"MESSAGE", "message"}},
                           arguments);
  const json unhealthy = UnhealthyRows(vector_stores, now);
  if (unhealthy.empty()) return text;
  return text + "\n" +
         Table("Stores that are not healthy", unhealthy,
               {{"VECTORSTORE", "vectorStore"},
                {"POD", "pod"},
                {"STORE", "store"},
                {"STATE", "state"},
                {"SINCE", "since"},
                {"OPERATION", "operation"},
                {"REASON", "reason"}},
               {}, arguments);
}

std::string StatusText(const Everything& all, const Arguments& arguments, WallTime now) {
  std::string text = StoresText(all.vector_stores, arguments, now);
  if (!all.repositories.empty()) {
    text += "\n" + Table("SnapshotRepositories", RowsOf(all.repositories, RepositoryRow, now),
                         {{"NAME", "name"},
                          {"READY", "is"},
                          {"REASON", "reason"},
                          {"SNAPSHOTS", "snapshots"},
                          {"NEWEST", "newest"}},
                         {{"TYPE", "type"}, {"SIZE", "bytes"}, {"MESSAGE", "message"}}, arguments);
  }
  if (!all.schedules.empty()) {
    text += "\n" + Table("StoreSnapshotSchedules", RowsOf(all.schedules, ScheduleRow, now),
                         {{"NAME", "name"},
                          {"SCHEDULE", "schedule"},
                          {"READY", "is"},
                          {"REASON", "reason"},
                          {"LAST-SUCCESS", "lastSuccess"},
                          {"FAILURES", "failures"}},
                         {{"NEXT", "next"}, {"MESSAGE", "message"}}, arguments);
  }
  return text;
}

int ExitCodeOf(const Everything& all) {
  const auto is_corrupt = [](const json& each) {
    return NumberAt(each, "/status/stores/corrupt").value_or(0) > 0;
  };
  const auto& stores = all.vector_stores;
  if (std::any_of(stores.begin(), stores.end(), is_corrupt)) return kDamagedExit;
  for (const std::vector<json>* list : {&all.vector_stores, &all.repositories, &all.schedules}) {
    for (const json& object : *list) {
      // What somebody suspended is as they want it.
      if (At(object, "/spec/suspend") == true) continue;
      if (ConditionOf(object, "Ready").status != "True") return kNotReadyExit;
    }
  }
  return 0;
}

// --- operations ---

json OperationRow(const json& object, WallTime now) {
  json row = RowOf(object, "Succeeded", now);
  Put(row, "vectorStore", TextAt(object, "/spec/vectorStoreRef/name"));
  Put(row, "pod", TextAt(object, "/spec/target/podName"));
  Put(row, "store", TextAt(object, "/spec/target/storeName"));
  const json& action = At(object, "/spec/action");
  if (action.is_object() && !action.empty()) row["action"] = action.begin().key();
  Put(row, "dataLossSeconds", NumberAt(object, "/status/plan/dataLossSeconds"));
  return row;
}

// --- cleanup ---

std::string PolicyText(const json& object, const Arguments& arguments, WallTime now) {
  const ConditionView ready = ConditionOf(object, "Ready");
  const std::string mode = TextAt(object, "/spec/mode");
  std::string text = TextAt(object, "/metadata/name") + ":\n";
  if (arguments.all_namespaces) text = TextAt(object, "/metadata/namespace") + "/" + text;
  text += "  mode: " + (mode.empty() ? "Report" : mode) + "\n";
  text += "  ready: " + (ready.status.empty() ? "Unknown" : ready.status);
  if (!ready.reason.empty()) text += " (" + ready.reason + ")";
  text += "\n  last run: " + AgeAt(object, "/status/lastRunTime", now) + " ago\n";
  if (const ConditionView limit = ConditionOf(object, "LimitReached"); limit.status == "True") {
    text += "  limit reached: " + limit.message + "\n";
  }
  const json& rules = At(object, "/status/rules");
  if (!rules.empty()) {
    text += "\n" + cli::ToTable(rules, {{"RULE", "rule"},
                                        {"CANDIDATES", "candidates"},
                                        {"DELETED", "deleted"},
                                        {"RECLAIMED", "reclaimedBytes"}});
  }
  json sample = At(object, "/status/sample");
  if (!sample.empty()) {
    for (json& each : sample) each["age"] = AgeAt(each, "/since", now);
    text +=
        "\n" +
        cli::ToTable(sample,
                     {{"KIND", "kind"}, {"NAME", "name"}, {"SINCE", "age"}, {"REASON", "reason"}});
  }
  return text;
}

}  // namespace

Result<Answer> ShowStatus(const Arguments& arguments, Session& session) {
  const std::string scope = ScopeOf(arguments, session);
  Everything all;
  all.vector_stores = TRY(ListAll(session.api, kVectorStores, scope));
  all.repositories = TRY(ListAll(session.api, kRepositories, scope));
  all.schedules = TRY(ListAll(session.api, kSchedules, scope));
  const int exit_code = ExitCodeOf(all);
  if (arguments.format == Format::kJson) {
    return Answer{cli::ToJson({{"vectorStores", all.vector_stores},
                               {"snapshotRepositories", all.repositories},
                               {"storeSnapshotSchedules", all.schedules}}),
                  exit_code};
  }
  if (all.vector_stores.empty() && all.repositories.empty() && all.schedules.empty()) {
    return Answer{"no VectorStore in " + PlaceOf(arguments, session) + "\n"};
  }
  return Answer{StatusText(all, arguments, session.clock.Now()), exit_code};
}

Result<Answer> ShowOperations(const Arguments& arguments, Session& session) {
  std::vector<json> all = TRY(ListAll(session.api, kOperations, ScopeOf(arguments, session)));
  if (!arguments.name.empty()) {
    std::erase_if(all, [&](const json& each) {
      return TextAt(each, "/spec/vectorStoreRef/name") != arguments.name;
    });
  }
  std::stable_sort(all.begin(), all.end(), [](const json& a, const json& b) {
    return TextAt(a, "/metadata/creationTimestamp") > TextAt(b, "/metadata/creationTimestamp");
  });
  if (arguments.format == Format::kJson) return Answer{cli::ToJson({{"storeOperations", all}})};
  if (all.empty()) return Answer{"no StoreOperation in " + PlaceOf(arguments, session) + "\n"};
  return Answer{Table("", RowsOf(all, OperationRow, session.clock.Now()),
                      {{"NAME", "name"},
                       {"VECTORSTORE", "vectorStore"},
                       {"POD", "pod"},
                       {"STORE", "store"},
                       {"ACTION", "action"},
                       {"STATE", "reason"},
                       {"AGE", "age"}},
                      {{"DATA-LOSS", "dataLossSeconds"}, {"MESSAGE", "message"}}, arguments)};
}

Result<Answer> ShowCleanup(const Arguments& arguments, Session& session) {
  std::vector<json> policies;
  if (!arguments.name.empty() && !arguments.all_namespaces) {
    json policy = TRY(session.api.Get(kPolicies, {session.ns, arguments.name}));
    kube::TrimCommon(policy);
    policies.push_back(std::move(policy));
  } else {
    policies = TRY(ListAll(session.api, kPolicies, ScopeOf(arguments, session)));
    std::erase_if(policies, [&](const json& each) {
      return !arguments.name.empty() && TextAt(each, "/metadata/name") != arguments.name;
    });
  }
  if (arguments.format == Format::kJson) {
    return Answer{cli::ToJson({{"storeCleanupPolicies", policies}})};
  }
  if (policies.empty()) {
    return Answer{"no StoreCleanupPolicy in " + PlaceOf(arguments, session) + "\n"};
  }
  std::string text;
  for (const json& policy : policies) {
    text += (text.empty() ? "" : "\n") + PolicyText(policy, arguments, session.clock.Now());
  }
  return Answer{std::move(text)};
}

}  // namespace pannier::cluster
