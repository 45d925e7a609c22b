#include "operator/resource/store_operation.h"

#include "operator/resource/common_fields.h"

namespace pannier::control {
namespace {

constexpr const char* kLevels[] = {"Quick", "Full"};
constexpr const char* kConflicts[] = {"Keep", "Replace", "Newest"};
constexpr const char* kHex64 = "^[0-9a-f]{64}$";

const std::vector<Rule>& SpecRules() {
  static const std::vector<Rule> kRules = {
      {"!has(self.action.restore) || !has(self.action.restore.toStoreName) || "
       "!has(self.target.storeName) || self.action.restore.toStoreName != self.target.storeName",
       "toStoreName must differ from target.storeName; leave it out to replace the store",
       ".action.restore.toStoreName"},
      {"!has(self.action.fork) || self.action.fork.toStoreName != self.target.storeName",
       "toStoreName must differ from target.storeName", ".action.fork.toStoreName"},
      {"!has(self.action.merge) || self.action.merge.fromStoreName != self.target.storeName",
       "fromStoreName must differ from target.storeName", ".action.merge.fromStoreName"},
      {"has(self.target.podName) || (has(self.action.restore) && "
       "has(self.action.restore.toStoreName))",
       "target.podName says in which pod; only a restore with toStoreName does without",
       ".target.podName", "FieldValueRequired"}};
  return kRules;
}

}  // namespace

void OperationTarget::Fields(Visitor& v) {
  v.Text({.name = "podName", .help = "Pod whose daemon has the store."}, &pod_name);
  StoreNameField(v, "storeName", "The store, TENANT/DATABASE.", true, &store_name);
}

void VerifyAction::Fields(Visitor& v) {
  v.Choice({.name = "level", .help = "Quick: structure. Full: every record."}, &level, kLevels);
}

void RebuildAction::Fields(Visitor& v) {
  v.Texts({.name = "collections",
           .help = "Names of collections. Default: all.",
           .length_max = 512,
           .items_max = 64},
          &collections);
}

void ManifestSource::Fields(Visitor& v) {
  v.Object({.name = "repositoryRef", .help = "Repository that has it.", .required = true},
           &repository);
  v.Text({.name = "key",
          .help = "Key of the manifest.",
          .required = true,
          .length_max = 1024,
          .length_min = 1},
         &key);
  v.Text({.name = "sha256",
          .help = "Digest that the manifest must have.",
          .length_max = 64,
          .pattern = kHex64},
         &sha256);
}

void LatestSource::Fields(Visitor& v) {
  v.Time({.name = "notAfter", .help = "Only snapshots that are not newer."}, &not_after);
}

void RestoreAction::Fields(Visitor& v) {
  v.Object({.name = "snapshotRef", .help = "A StoreSnapshot that succeeded."}, &snapshot);
  v.Object({.name = "manifest", .help = "A snapshot in a repository, by its manifest."}, &manifest);
  v.Object({.name = "latest", .help = "The newest verified snapshot of the store."}, &latest);
  StoreNameField(v, "toStoreName", "Restores beside, as a new store of this name.", false,
                 &to_store_name);
  v.Rules({OneOf({"snapshotRef", "manifest", "latest"})});
}

void MergeAction::Fields(Visitor& v) {
  StoreNameField(v, "fromStoreName", "Store of the same daemon whose records are added.", true,
                 &from_store_name);
  v.Choice({.name = "onConflict", .help = "Which record stays when both stores have its id."},
           &on_conflict, kConflicts);
}

void ForkAction::Fields(Visitor& v) {
  StoreNameField(v, "toStoreName", "Name of the copy.", true, &to_store_name);
}

void ActionSpec::Fields(Visitor& v) {
  v.Object({.name = "verify", .help = "Checks the store."}, &verify);
  v.Object({.name = "rebuildIndex", .help = "Makes search graphs anew from the records."},
           &rebuild_index);
  v.Object({.name = "salvage", .help = "Keeps what can be read of a damaged store."}, &salvage);
  v.Object({.name = "restore", .help = "Brings back a snapshot."}, &restore);
  v.Object({.name = "compact", .help = "Gives back unused disk."}, &compact);
  v.Object({.name = "merge", .help = "Adds the records of another store."}, &merge);
  v.Object({.name = "fork", .help = "Copies the store."}, &fork);
  v.Rules({OneOf({"verify", "rebuildIndex", "salvage", "restore", "compact", "merge", "fork"})});
}

void StoreOperationSpec::Fields(Visitor& v) {
  v.Object({.name = "vectorStoreRef", .help = "VectorStore of the pod.", .required = true},
           &vector_store);
  v.Object({.name = "target", .help = "Which store.", .required = true}, &target);
  v.Object({.name = "action", .help = "What is done. Exactly one.", .required = true}, &action);
  v.Flag({.name = "dryRun", .help = "Whether it ends with the plan."}, &dry_run);
  v.Flag({.name = "suspend", .help = "Whether it waits, its plan shown, until this is false."},
         &suspend);
  v.Number({.name = "timeoutSeconds",
            .help = "Most time from the first step to the end.",
            .min = 60,
            .max = 604800},
           &timeout_seconds);
  v.Number({.name = "backoffLimit", .help = "How often it is tried again.", .min = 0, .max = 10},
           &backoff_limit);
  v.Number({.name = "ttlSecondsAfterFinished",
            .help = "How long this object stays after its end.",
            .min = 0,
            .max = 31536000},
           &ttl_seconds_after_finished);
  v.Rules(SpecRules());
  v.Rules(Immutable({"vectorStoreRef", "target", "action", "dryRun", "timeoutSeconds",
                     "backoffLimit", "ttlSecondsAfterFinished"}));
}

void Executor::Fields(Visitor& v) {
  v.Text({.name = "podName", .help = "Pod that works on it."}, &pod_name);
  v.Text({.name = "podUID", .help = "Its uid.", .length_max = 64}, &pod_uid);
  v.Text({.name = "sessionID", .help = "Run of its daemon.", .length_max = 64}, &session_id);
}

void OperationPlan::Fields(Visitor& v) {
  v.Text({.name = "source", .help = "Where data comes from.", .length_max = 1024}, &source);
  v.Number({.name = "bytes", .help = "Bytes to read."}, &bytes);
  v.Number({.name = "dataLossSeconds", .help = "Age of the oldest write that would be lost."},
           &data_loss_seconds);
  v.Texts({.name = "steps",
           .help = "What is done, in order.",
           .length_max = 256,
           .items_max = kPlanStepsMax,
           .ordered = true},
          &steps);
}

void OperationResult::Fields(Visitor& v) {
  v.Number({.name = "checked", .help = "Records checked."}, &checked);
  v.Number({.name = "rebuilt", .help = "Collections rebuilt."}, &rebuilt);
  v.Number({.name = "salvaged", .help = "Records salvaged."}, &salvaged);
  v.Number({.name = "lost", .help = "Records lost."}, &lost);
  v.Text({.name = "quarantinePath",
          .help = "What was replaced, by its id in quarantine.",
          .length_max = 512},
         &quarantine_path);
  v.Number({.name = "restoredSequence", .help = "Commits that the restored store has."},
           &restored_sequence);
  v.Texts({.name = "messages",
           .help = "What else is to be said.",
           .length_max = 256,
           .items_max = kResultMessagesMax,
           .ordered = true},
          &messages);
}

void StoreOperationStatus::Fields(Visitor& v) {
  ConditionsField(v, &conditions);
  v.Time({.name = "startTime", .help = "When its first step was taken."}, &start);
  v.Time({.name = "completionTime", .help = "When it ended."}, &completion);
  v.Number({.name = "attempt", .help = "Attempts begun.", .min = 0}, &attempt);
  v.Time({.name = "attemptTime", .help = "When the last attempt may begin."}, &attempt_since);
  v.Text({.name = "action", .help = "What is done.", .length_max = 32}, &action);
  v.Object({.name = "executor", .help = "Who works on it."}, &executor);
  v.Object({.name = "plan", .help = "What will be done, known before it is begun."}, &plan);
  v.Object({.name = "result", .help = "What was done."}, &result);
}

std::string ActionName(const ActionSpec& action) {
  if (action.verify) return "verify";
  if (action.rebuild_index) return "rebuildIndex";
  if (action.salvage) return "salvage";
  if (action.restore) return "restore";
  if (action.compact) return "compact";
  if (action.merge) return "merge";
  return action.fork ? "fork" : "";
}

bool IsLossy(const ActionSpec& action) {
  return action.salvage || action.merge ||
         (action.restore && action.restore->to_store_name.empty());
}

const Kind kStoreOperationKind = {
    .name = "StoreOperation",
    .plural = "storeoperations",
    .singular = "storeoperation",
    .short_name = "sop",
    .help = "One repair, check or restore of one store. Only spec.suspend can be changed.",
    .spec = [](Visitor& v) { StoreOperationSpec().Fields(v); },
    .status = [](Visitor& v) { StoreOperationStatus().Fields(v); },
    .columns = {{"Target", "string", ".spec.target.storeName"},
                {"Action", "string", ".status.action"},
                {"Succeeded", "string", ".status.conditions[?(@.type==\"Succeeded\")].reason"},
                {"Data-Loss(s)", "integer", ".status.plan.dataLossSeconds"},
                {"Age", "date", ".metadata.creationTimestamp"},
                {"Pod", "string", ".spec.target.podName", true}}};

}  // namespace pannier::control
