#include "operator/resource/store_snapshot.h"

#include "operator/resource/common_fields.h"

namespace pannier::control {
namespace {

constexpr const char* kIncludes[] = {"Always", "IfClean", "Never"};
constexpr const char* kVerifications[] = {"Manifest", "Deep"};
constexpr const char* kDeletions[] = {"Delete", "Retain"};
constexpr const char* kItemStates[] = {"Pending", "Running", "Succeeded", "Failed"};

void WhichFields(Visitor& v, std::vector<std::string>* store_names,
                 std::vector<std::string>* pod_names) {
  v.Texts({.name = "storeNames",
           .help = "Stores to take, TENANT/DATABASE. Default: all.",
           .length_max = 512,
           .pattern = "^[^/]+/.+$",
           .items_max = kSnapshotItemsMax},
          store_names);
  v.Texts({.name = "podNames",
           .help = "Pods whose stores are taken. Default: all of the VectorStore.",
           .length_max = 253,
           .items_max = kSnapshotItemsMax},
          pod_names);
}

}  // namespace

void StoreSnapshotSpec::Fields(Visitor& v) {
  v.Object(
      {.name = "vectorStoreRef", .help = "VectorStore whose stores are taken.", .required = true},
      &vector_store);
  WhichFields(v, &store_names, &pod_names);
  v.Object({.name = "repositoryRef", .help = "Where it is kept. Default: the VectorStore's."},
           &repository);
  v.Choice({.name = "includeIndex",
            .help = "Whether search graphs are kept with the records. IfClean: when they need no "
                    "extra work."},
           &include_index, kIncludes);
  v.Choice(
      {.name = "verification",
       .help = "How it is proved. Deep: by reading all of it back and checking the store in it."},
      &verification, kVerifications);
  v.Number({.name = "timeoutSeconds",
            .help = "Most time from acceptance to the end.",
            .min = 60,
            .max = 86400},
           &timeout_seconds);
  v.Number(
      {.name = "backoffLimit", .help = "How often one store is tried again.", .min = 0, .max = 10},
      &backoff_limit);
  v.Number({.name = "expireAfterSeconds",
            .help = "Age at which it is deleted. Default: never. The newest verified one stays.",
            .min = 3600,
            .max = 315360000},
           &expire_after_seconds);
  v.Choice(
      {.name = "deletionPolicy", .help = "What becomes of the data when this object is deleted."},
      &deletion, kDeletions);
  v.Flag({.name = "hold", .help = "Whether nothing may delete it, nor its data."}, &hold);
}

void SnapshotItem::Fields(Visitor& v) {
  v.Text({.name = "podUID", .help = "Uid of the pod.", .required = true, .length_max = 64},
         &pod_uid);
  StoreNameField(v, "storeName", "The store, TENANT/DATABASE.", true, &store_name);
  v.Text({.name = "podName", .help = "Name of the pod."}, &pod_name);
  v.Text({.name = "storeID", .help = "Identity of the store.", .length_max = 64}, &store_id);
  v.Choice({.name = "state", .help = "How far it is."}, &state, kItemStates);
  v.Number({.name = "attempt", .help = "Attempts begun.", .min = 0}, &attempt);
  v.Number({.name = "sequence", .help = "Commits that it holds."}, &sequence);
  v.Number({.name = "bytes", .help = "Bytes of the store."}, &bytes);
  v.Number({.name = "newBytes", .help = "Bytes that it added to the repository."}, &new_bytes);
  v.Text({.name = "manifestKey", .help = "Object that makes it exist.", .length_max = 1024},
         &manifest_key);
  v.Text({.name = "manifestSHA256", .help = "Digest of that object.", .length_max = 64},
         &manifest_sha256);
  v.Text({.name = "snapshotUID", .help = "Its uid in the repository.", .length_max = 64},
         &snapshot_uid);
  v.Text({.name = "sessionID", .help = "Run of the daemon that works on it.", .length_max = 64},
         &session_id);
  v.Text({.name = "message", .help = "What went wrong.", .length_max = 256}, &message);
  v.Flag({.name = "verified", .help = "Whether it was found sound."}, &verified);
}

void ItemCounts::Fields(Visitor& v) {
  v.Number({.name = "total", .help = "Stores to take."}, &total);
  v.Number({.name = "succeeded", .help = "Of these, taken."}, &succeeded);
  v.Number({.name = "failed", .help = "Of these, given up."}, &failed);
}

void StoreSnapshotStatus::Fields(Visitor& v) {
  ConditionsField(v, &conditions);
  v.Time({.name = "startTime", .help = "When it was accepted."}, &start);
  v.Time({.name = "completionTime", .help = "When it ended."}, &completion);
  v.Time({.name = "expirationTime", .help = "When it is deleted."}, &expiration);
  v.Number({.name = "attempt", .help = "Most attempts of any store.", .min = 0}, &attempt);
  v.Text({.name = "repositoryName", .help = "SnapshotRepository that keeps it."}, &repository_name);
  v.Text({.name = "repositoryID", .help = "Identity of that repository.", .length_max = 64},
         &repository_id);
  v.Object({.name = "stores", .help = "Stores by outcome."}, &stores);
  v.Number({.name = "bytes", .help = "Bytes of all its stores."}, &bytes);
  v.Number({.name = "newBytes", .help = "Bytes that it added to the repository."}, &new_bytes);
  v.List({.name = "items",
          .help = "Its stores, failures first.",
          .items_max = kSnapshotItemsMax,
          .keys = "podUID,storeName"},
         &items);
  v.Number({.name = "pieces",
            .help = "Where it has more than 100 stores: how many StoreSnapshots of its own take "
                    "them; 0 while these are made.",
            .min = 0},
           &pieces);
}

const Kind kStoreSnapshotKind = {
    .name = "StoreSnapshot",
    .plural = "storesnapshots",
    .singular = "storesnapshot",
    .short_name = "ssnap",
    .help = "One backup of the stores of a VectorStore. Only spec.hold can be changed.",
    .spec =
        [](Visitor& v) {
          StoreSnapshotSpec().Fields(v);
          v.Rules(Immutable({"vectorStoreRef", "storeNames", "podNames", "repositoryRef",
                             "includeIndex", "verification", "timeoutSeconds", "backoffLimit",
                             "expireAfterSeconds", "deletionPolicy"}));
        },
    .status = [](Visitor& v) { StoreSnapshotStatus().Fields(v); },
    .columns = {{"Store", "string", ".spec.vectorStoreRef.name"},
                {"Status", "string", ".status.conditions[?(@.type==\"Succeeded\")].reason"},
                {"Stores", "integer", ".status.stores.succeeded"},
                {"Bytes", "integer", ".status.bytes"},
                {"Verified", "string", ".status.conditions[?(@.type==\"Verified\")].status"},
                {"Age", "date", ".metadata.creationTimestamp"},
                {"Expires", "date", ".status.expirationTime", true},
                {"Repository", "string", ".status.repositoryName", true}}};

}  // namespace pannier::control
