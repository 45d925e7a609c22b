#include "operator/plan/operation_request.h"

#include <algorithm>

#include "lib/core/time_text.h"
#include "operator/plan/grants.h"
#include "operator/plan/snapshot_pieces.h"
#include "operator/resource/text.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

constexpr size_t kLineMax = 256;
constexpr const char* kConflicts[] = {"Keep", "Replace", "Newest"};

std::optional<int64_t> NumberOf(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name) || !object[name].is_number_integer()) {
    return std::nullopt;
  }
  return object[name].get<int64_t>();
}

std::string TextOf(const Json& object, const char* name) {
  return object.is_object() && object.contains(name) && object[name].is_string()
             ? object[name].get<std::string>()
             : "";
}

std::vector<std::string> LinesOf(const Json& object, const char* name, size_t most) {
  std::vector<std::string> lines;
  if (!object.is_object() || !object.contains(name) || !object[name].is_array()) return lines;
  for (const Json& each : object[name]) {
    if (lines.size() == most) break;
    lines.push_back(Cut(each.is_string() ? each.get<std::string>() : each.dump(), kLineMax));
  }
  return lines;
}

// "snapshots/…/00000000000000000012-<uid>.json"
std::string UidOfKey(const std::string& key) {
  constexpr size_t kTail = 36 + 5;  // a uid and ".json"
  return key.size() < kTail ? "" : key.substr(key.size() - kTail, 36);
}

bool IsInS3(const OperationObserved& seen) {
  return seen.repository && seen.repository->spec.s3.has_value();
}

// A daemon reaches S3 by URLs, and learns which snapshots there are from who grants them. In a
// repository that was never reached there is none.
void AddRepository(const StoreOperation& operation, const OperationObserved& seen, Json* body) {
  if (!seen.repository || seen.repository->status.repository_id.empty()) return;
  NameRepository(*seen.repository, seen.repository->status.repository_id, body);
  if (IsInS3(seen)) (*body)["manifests"] = ManifestsFor(operation, seen);
}

void ChooseSnapshot(const StoreOperation& operation, const OperationObserved& seen, Json* body) {
  const RestoreAction& restore = *operation.spec.action.restore;
  if (IsInS3(seen)) {
    const std::vector<std::string> manifests = ManifestsFor(operation, seen);
    (*body)["snapshot"] = manifests.empty() ? "" : UidOfKey(manifests.front());
  } else if (restore.manifest) {
    (*body)["snapshot"] = UidOfKey(restore.manifest->key);
  } else if (restore.snapshot) {
    const SnapshotItem* item = SourceItem(operation, seen);
    if (item != nullptr) (*body)["snapshot"] = item->snapshot_uid;
  } else if (restore.latest && restore.latest->not_after) {
    (*body)["at"] = FormatTime(*restore.latest->not_after);
  } else {
    (*body)["latest"] = true;
  }
}

void AddRestore(const StoreOperation& operation, const OperationObserved& seen, Json* body) {
  const RestoreAction& restore = *operation.spec.action.restore;
  AddRepository(operation, seen, body);
  if (seen.vector_store) {
    (*body)["quarantineSeconds"] = seen.vector_store->spec.recovery.quarantine_seconds;
  }
  if (!restore.to_store_name.empty()) (*body)["to"] = restore.to_store_name;
  ChooseSnapshot(operation, seen, body);
}

// The newest sound one that has this store, of a time that is not after `not_after`.
std::string NewestManifest(const StoreOperation& operation, const OperationObserved& seen,
                           std::optional<WallTime> not_after) {
  const StoreSnapshot* newest = nullptr;
  for (const StoreSnapshot& each : seen.snapshots) {
    const auto& began = each.status.start;
    if (!IsSound(each) || each.meta.IsDeleting() || !began || (not_after && *began > *not_after) ||
        each.status.repository_id != seen.repository->status.repository_id ||
        ItemFor(operation, each) == nullptr) {
      continue;
    }
    if (newest == nullptr || *newest->status.start < *began) newest = &each;
  }
  return newest == nullptr ? "" : ItemFor(operation, *newest)->manifest_key;
}

}  // namespace

const SnapshotItem* ItemFor(const StoreOperation& operation, const StoreSnapshot& source) {
  const OperationTarget& target = operation.spec.target;
  const SnapshotItem* found = nullptr;
  int count = 0;
  for (const SnapshotItem& item : source.status.items) {
    if (item.store_name != target.store_name || item.state != ItemState::kSucceeded) continue;
    if (!target.pod_name.empty() && item.pod_name == target.pod_name) return &item;
    found = &item;
    ++count;
  }
  return count == 1 ? found : nullptr;
}

const SnapshotItem* SourceItem(const StoreOperation& operation, const OperationObserved& seen) {
  if (!seen.source) return nullptr;
  const SnapshotItem* found = ItemFor(operation, *seen.source);
  bool is_several = false;
  for (const StoreSnapshot* piece : PiecesOf(seen.source->meta, seen.snapshots)) {
    const SnapshotItem* item = ItemFor(operation, *piece);
    if (item == nullptr) continue;
    is_several = is_several || found != nullptr;
    found = item;
  }
  return is_several ? nullptr : found;
}

std::vector<std::string> ManifestsFor(const StoreOperation& operation,
                                      const OperationObserved& seen) {
  if (!IsInS3(seen)) return {};
  const auto& restore = operation.spec.action.restore;
  std::string key;
  if (restore && restore->manifest) {
    key = restore->manifest->key;
  } else if (restore && restore->snapshot) {
    const SnapshotItem* item = SourceItem(operation, seen);
    if (item != nullptr) key = item->manifest_key;
  } else {
    const bool has_time = restore && restore->latest;
    key = NewestManifest(operation, seen, has_time ? restore->latest->not_after : std::nullopt);
  }
  if (key.empty()) return {};
  return {key};
}

GrantRule RuleFor(const StoreOperation& operation, const OperationObserved& seen) {
  GrantRule rule;
  const std::vector<std::string> now = ManifestsFor(operation, seen);
  rule.named_manifests = {now.begin(), now.end()};
  const auto& restore = operation.spec.action.restore;
  if (!IsInS3(seen) || (restore && !restore->latest)) return rule;
  // When the request was made another one may have been the newest.
  for (const StoreSnapshot& each : seen.snapshots) {
    if (!IsSound(each) || each.status.repository_id != seen.repository->status.repository_id) {
      continue;
    }
    const SnapshotItem* item = ItemFor(operation, each);
    if (item != nullptr) rule.named_manifests.insert(item->manifest_key);
  }
  return rule;
}

Json RequestOf(const StoreOperation& operation, const OperationObserved& seen, bool dry_run) {
  const ActionSpec& action = operation.spec.action;
  Json body = {{"action", ActionName(action)},
               {"store", operation.spec.target.store_name},
               {"timeoutSeconds", operation.spec.timeout_seconds}};
  if (dry_run) body["dryRun"] = true;
  if (action.verify) {
    body["level"] = action.verify->level == VerifyLevel::kQuick ? "Quick" : "Full";
  }
  if (action.salvage) AddRepository(operation, seen, &body);
  if (action.restore) AddRestore(operation, seen, &body);
  if (action.merge) {
    body["from"] = action.merge->from_store_name;
    body["onConflict"] = kConflicts[static_cast<size_t>(action.merge->on_conflict)];
  }
  if (action.fork) body["to"] = action.fork->to_store_name;
  return body;
}

OperationPlan LocalPlan(const StoreOperation& operation) {
  const ActionSpec& action = operation.spec.action;
  OperationPlan plan;
  plan.data_loss_seconds = 0;
  const auto steps = [&](std::vector<std::string> list) { plan.steps = std::move(list); };
  if (action.verify) steps({"copy the store", "check the copy"});
  if (action.rebuild_index) steps({"build search graphs from the records", "publish them"});
  if (action.compact) steps({"write the store without unused space", "replace it"});
  if (action.fork) steps({"copy the store under the new name"});
  if (action.merge) steps({"add the records of " + action.merge->from_store_name});
  if (action.salvage) {
    plan.data_loss_seconds.reset();  // nobody knows before it is tried
    steps({"copy what can be read", "fill gaps from a snapshot", "list what is lost",
           "replace the store", "quarantine what was replaced"});
  }
  return plan;
}

OperationPlan PlanOf(const Json& answer) {
  OperationPlan plan;
  plan.source = Cut(TextOf(answer, "source"), 1024);
  plan.bytes = NumberOf(answer, "bytes");
  plan.data_loss_seconds = NumberOf(answer, "dataLossSeconds");
  plan.steps = LinesOf(answer, "steps", kPlanStepsMax);
  return plan;
}

OperationResult ResultOf(const Json& answer) {
  OperationResult result;
  if (!answer.is_object()) return result;
  if (answer.contains("sound")) result.checked = NumberOf(answer, "records");
  if (answer.contains("lostTotal")) result.salvaged = NumberOf(answer, "records");
  result.lost = NumberOf(answer, "lostTotal");
  const auto collections = answer.find("collections");
  if (collections != answer.end() && collections->is_array()) {
    result.rebuilt = static_cast<int64_t>(collections->size());
  } else if (!answer.contains("sound")) {
    result.rebuilt = NumberOf(answer, "collections");
  }
  const auto restored = answer.find("restored");
  if (restored != answer.end() && restored->is_array() && !restored->empty()) {
    result.restored_sequence = NumberOf(restored->front(), "sequence");
  }
  result.quarantine_path = Cut(TextOf(answer, "quarantined"), 512);
  result.messages = LinesOf(answer, "messages", kResultMessagesMax);
  if (result.messages.empty()) result.messages = LinesOf(answer, "damage", kResultMessagesMax);
  return result;
}

}  // namespace pannier::control
