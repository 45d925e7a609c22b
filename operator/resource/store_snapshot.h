// StoreSnapshot: one backup of the stores of a VectorStore. Threads: plain values.
#pragma once

#include "operator/resource/condition.h"
#include "operator/resource/resource.h"

namespace pannier::control {

enum class IncludeIndex { kAlways, kIfClean, kNever };
enum class Verification { kManifest, kDeep };
enum class DeletionPolicy { kDelete, kRetain };

struct StoreSnapshotSpec {
  Reference vector_store;
  std::vector<std::string> store_names;  // empty: all
  std::vector<std::string> pod_names;    // empty: of all
  std::optional<Reference> repository;   // default: the VectorStore's
  IncludeIndex include_index = IncludeIndex::kIfClean;
  Verification verification = Verification::kDeep;
  int64_t timeout_seconds = 3600;
  int64_t backoff_limit = 3;
  std::optional<int64_t> expire_after_seconds;
  DeletionPolicy deletion = DeletionPolicy::kDelete;
  bool hold = false;
  void Fields(Visitor& v);
};

// Of one store of one pod.
enum class ItemState { kPending, kRunning, kSucceeded, kFailed };
struct SnapshotItem {
  std::string pod_uid, store_name, pod_name, store_id;
  ItemState state = ItemState::kPending;
  int64_t attempt = 0;  // of the daemon operation, from 1 on; 0: none was asked for yet
  std::optional<int64_t> sequence, bytes, new_bytes;
  std::string manifest_key, manifest_sha256, snapshot_uid, session_id, message;
  bool verified = false;
  void Fields(Visitor& v);
};

struct ItemCounts {
  int64_t total = 0, succeeded = 0, failed = 0;
  void Fields(Visitor& v);
};

inline constexpr size_t kSnapshotItemsMax = 100;

struct StoreSnapshotStatus {
  Conditions conditions;  // Accepted, Succeeded, Verified
  std::optional<WallTime> start, completion, expiration;
  std::optional<int64_t> attempt;  // highest of any item
  std::string repository_name, repository_id;
  std::optional<ItemCounts> stores;
  std::optional<int64_t> bytes, new_bytes;
  std::vector<SnapshotItem> items;  // failures first, then by pod and store
  // Of one that has more than kSnapshotItemsMax: how many StoreSnapshots take them; 0 until all of
  // these are made.
  std::optional<int64_t> pieces;
  void Fields(Visitor& v);
};

using StoreSnapshot = Resource<StoreSnapshotSpec, StoreSnapshotStatus>;
extern const Kind kStoreSnapshotKind;

}  // namespace pannier::control
