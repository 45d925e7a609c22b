#include "cli/cluster/requests.h"

#include <nlohmann/json.hpp>

#include "cli/cluster/kinds.h"
#include "cli/cluster/object_view.h"
#include "cli/cluster/status.h"
#include "cli/cluster/waiting.h"
#include "cli/output.h"

namespace pannier::cluster {
namespace {

using cli::Answer;
using kube::At;
using kube::TextAt;
using nlohmann::json;

constexpr std::chrono::minutes kPlanTime{5};

Result<json> VectorStoreOf(const Arguments& arguments, Session& session) {
  Result<json> found = session.api.Get(kVectorStores, {session.ns, arguments.name});
  if (!found.Is(Errc::kNotFound)) return found;
  return NotFound("there is no VectorStore \"" + arguments.name + "\" in namespace " + session.ns,
                  "`kubectl pannier status -A` shows all");
}

kube::ObjectKey KeyOf(const json& object) {
  return {TextAt(object, "/metadata/namespace"), TextAt(object, "/metadata/name")};
}

Result<json> Create(const kube::Resource& resource, const std::string& purpose,
                    const Arguments& arguments, Session& session, json spec) {
  spec["vectorStoreRef"] = {{"name", arguments.name}};
  return session.api.Create(resource,
                            {{"apiVersion", resource.ApiVersion()},
                             {"kind", resource.kind},
                             {"metadata",
                              {{"generateName", arguments.name.substr(0, 40) + "-" + purpose + "-"},
                               {"namespace", session.ns}}},
                             {"spec", std::move(spec)}});
}

bool IsOver(const json& object) { return HasEnded(ConditionOf(object, "Succeeded")); }

// How it failed; nothing of one that succeeded.
Status CheckSuccess(const kube::Resource& resource, const json& object) {
  const ConditionView end = ConditionOf(object, "Succeeded");
  if (end.status != "False") return {};
  return Internal(std::string(resource.kind) + " " + KeyOf(object).ToString() + ": " + end.reason +
                      (end.message.empty() ? "" : ": " + end.message),
                  "kubectl describe " + std::string(resource.plural) + ".pannier.dev " +
                      KeyOf(object).name + " -n " + KeyOf(object).ns);
}

// Members of objects in lines, lists below them.
void AddLines(const json& tree, const std::string& heading, std::string* text) {
  if (!tree.is_object() || tree.empty()) return;
  *text += heading + ":\n";
  for (const auto& [key, value] : tree.items()) {
    if (!value.is_array()) {
      *text += "  " + cli::ToLines({{key, value}});
    } else if (!value.empty()) {
      *text += "  " + key + ":\n";
      for (const json& line : value) {
        *text += "  - " + (line.is_string() ? line.get<std::string>() : line.dump()) + "\n";
      }
    }
  }
}

std::string PlanText(const json& object) {
  std::string text;
  AddLines(At(object, "/status/plan"), "plan", &text);
  if (text.empty()) text = "plan: the operator names no steps\n";
  const auto loss = NumberAt(object, "/status/plan/dataLossSeconds");
  if (!loss) text += "What would be lost is not known.\n";
  return text;
}

std::string NameText(const kube::Resource& resource, const json& object) {
  return std::string(resource.plural) + ".pannier.dev/" + KeyOf(object).name;
}

// What was created, or what came of it.
Answer Shown(const kube::Resource& resource, json object, const Arguments& arguments) {
  kube::TrimCommon(object);
  if (arguments.format == Format::kJson) return {cli::ToJson(object)};
  const ConditionView end = ConditionOf(object, "Succeeded");
  std::string text = NameText(resource, object);
  if (!HasEnded(end)) return {text + "\n"};
  text += ": " + end.reason + (end.message.empty() ? "" : ": " + end.message) + "\n";
  AddLines(At(object, "/status/stores"), "stores", &text);
  AddLines(At(object, "/status/result"), "result", &text);
  return {text};
}

// Waits for the end where that is wanted.
Result<json> Followed(const kube::Resource& resource, json object, const Arguments& arguments,
                      Session& session) {
  if (!arguments.wait || IsOver(object)) return object;
  return Await(session, resource, KeyOf(object), arguments.timeout, IsOver);
}

json RestoreSpec(const Arguments& arguments) {
  json restore = json::object();
  if (!arguments.snapshot.empty()) {
    restore["snapshotRef"] = {{"name", arguments.snapshot}};
  } else if (!arguments.not_after.empty()) {
    restore["latest"] = {{"notAfter", arguments.not_after}};
  } else {
    restore["latest"] = json::object();
  }
  if (!arguments.to_store.empty()) restore["toStoreName"] = arguments.to_store;
  json target = {{"storeName", arguments.store}};
  if (!arguments.pod.empty()) target["podName"] = arguments.pod;
  json spec = {{"target", std::move(target)}, {"action", {{"restore", std::move(restore)}}}};
  // Suspended: the operator makes the plan and goes no further.
  spec[arguments.dry_run ? "dryRun" : "suspend"] = true;
  return spec;
}

Result<json> AwaitPlan(const json& created, const Arguments& arguments, Session& session) {
  const auto has_plan = [&](const json& object) {
    return IsOver(object) || (!arguments.dry_run && At(object, "/status/plan").is_object());
  };
  Result<json> planned =
      Await(session, kOperations, KeyOf(created),
            std::min<std::chrono::milliseconds>(arguments.timeout, kPlanTime), has_plan);
  if (!planned.Is(Errc::kDeadlineExceeded)) return planned;
  return DeadlineExceeded(std::move(planned).error().what,
                          "is the operator running? " + NameText(kOperations, created) +
                              (arguments.dry_run ? " changes nothing" : " stays suspended") +
                              ": kubectl delete " + NameText(kOperations, created) + " -n " +
                              session.ns);
}

Status Discard(const json& object, Session& session) {
  return kube::DeleteIfPresent(session.api, kOperations, KeyOf(object),
                               {TextAt(object, "/metadata/uid"), ""});
}

// That very object, and only while it waits.
Result<json> LetGo(const json& object, Session& session) {
  return session.api.PatchJson(
      kOperations, KeyOf(object),
      json::array(
          {{{"op", "test"}, {"path", "/metadata/uid"}, {"value", TextAt(object, "/metadata/uid")}},
           {{"op", "test"}, {"path", "/spec/suspend"}, {"value", true}},
           {{"op", "replace"}, {"path", "/spec/suspend"}, {"value", false}}}));
}

bool IsConfirmed(const json& planned, const Arguments& arguments, Session& session) {
  session.terminal.Write(PlanText(planned));
  if (arguments.yes) return true;
  session.terminal.Write("\nRestore " + arguments.store +
                         (arguments.to_store.empty() ? "" : " to " + arguments.to_store) +
                         " of VectorStore " + arguments.name + "? [y/N] ");
  const std::string answer = session.terminal.ReadLine();
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

Result<Answer> TakeSnapshot(const Arguments& arguments, Session& session) {
  const json store = TRY(VectorStoreOf(arguments, session));
  if (arguments.repository.empty() && TextAt(store, "/spec/repositoryRef/name").empty()) {
    return InvalidArgument("VectorStore " + arguments.name + " names no repository",
                           "--repository NAME, or set its spec.repositoryRef");
  }
  json spec = json::object();
  if (!arguments.stores.empty()) spec["storeNames"] = arguments.stores;
  if (!arguments.repository.empty()) spec["repositoryRef"] = {{"name", arguments.repository}};
  if (arguments.expire_after_seconds) spec["expireAfterSeconds"] = *arguments.expire_after_seconds;
  if (arguments.hold) spec["hold"] = true;
  json created = TRY(Create(kSnapshots, "manual", arguments, session, std::move(spec)));
  json snapshot = TRY(Followed(kSnapshots, std::move(created), arguments, session));
  TRY(CheckSuccess(kSnapshots, snapshot));
  return Shown(kSnapshots, std::move(snapshot), arguments);
}

Result<Answer> Restore(const Arguments& arguments, Session& session) {
  if (!arguments.dry_run && !arguments.yes && !session.terminal.CanAsk()) {
    return InvalidArgument("nobody is there to say yes to the plan",
                           "--yes to go on without, or --dry-run to see the plan");
  }
  TRY(VectorStoreOf(arguments, session));
  const json created =
      TRY(Create(kOperations, "restore", arguments, session, RestoreSpec(arguments)));
  json planned = TRY(AwaitPlan(created, arguments, session));
  TRY(CheckSuccess(kOperations, planned));
  if (arguments.dry_run) {
    if (arguments.format == Format::kJson) return Shown(kOperations, std::move(planned), arguments);
    return Answer{PlanText(planned)};
  }
  if (!IsOver(planned)) {
    if (!IsConfirmed(planned, arguments, session)) {
      TRY(Discard(planned, session));
      return Conflict("nothing was changed");
    }
    planned = TRY(LetGo(planned, session));
  }
  json operation = TRY(Followed(kOperations, std::move(planned), arguments, session));
  TRY(CheckSuccess(kOperations, operation));
  return Shown(kOperations, std::move(operation), arguments);
}

Result<Answer> Verify(const Arguments& arguments, Session& session) {
  TRY(VectorStoreOf(arguments, session));
  json spec = {{"target", {{"podName", arguments.pod}, {"storeName", arguments.store}}},
               {"action", {{"verify", {{"level", arguments.level}}}}}};
  json created = TRY(Create(kOperations, "verify", arguments, session, std::move(spec)));
  json operation = TRY(Followed(kOperations, std::move(created), arguments, session));
  // A check that came to a result but not to success found damage.
  const bool is_damaged = ConditionOf(operation, "Succeeded").status == "False" &&
                          At(operation, "/status/result").is_object();
  if (!is_damaged) TRY(CheckSuccess(kOperations, operation));
  Answer answer = Shown(kOperations, std::move(operation), arguments);
  if (is_damaged) answer.exit_code = kDamagedExit;
  return answer;
}

}  // namespace pannier::cluster
