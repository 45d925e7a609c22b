// What a repository itself tells of the snapshots of a VectorStore, where no StoreSnapshot does: a
// cluster that is gone took its objects along, its repository is still there. Threads: plain values
// and pure functions.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "operator/resource/vector_store.h"

namespace pannier::control {

// "NAMESPACE/VECTORSTORE/POD": what a manifest says of its origin, as no uid outlives a cluster.
std::string OriginOf(const Meta& vector_store, const std::string& pod_name);

// A snapshot of a repository. `owner`, `chain`: the folders that it lies in.
struct ListedSnapshot {
  std::string owner, chain, key;
  std::string origin;  // "": it does not say
  std::string store_name;
  WallTime time;
};

// Whose snapshots are a VectorStore's.
enum class Claim { kOurs, kForeign, kUnknown };
struct ClaimRule {
  std::string prefix;            // of an origin: "NAMESPACE/VECTORSTORE/"
  std::set<std::string> owners;  // of these, whatever they say

  Claim Of(const std::string& owner, const std::string& origin) const;
};
// By its name, its uid, and the annotation kBootstrapOwner.
ClaimRule ClaimRuleOf(const Meta& vector_store);

struct RepositoryInventory {
  struct Snapshot {
    std::string key, pod_name;  // "": nobody said of which pod
    std::string store_name;
    WallTime time;
  };
  // Of the VectorStore: of every store of every pod the newest that was found sound.
  std::vector<Snapshot> snapshots;
  // Owners of snapshots of which none says where it is from: they may be of this VectorStore.
  std::vector<std::string> unclaimed;
  // Which manifests cannot be understood, and why: of stores without another, perhaps its own.
  std::vector<std::string> unreadable;
};

// Of `listed`, which are sound, and of which each chain has one: those of a rule. Where one of an
// owner says whose it is, it speaks for all of that owner.
RepositoryInventory InventoryOf(const std::vector<ListedSnapshot>& listed, const ClaimRule& rule);

}  // namespace pannier::control
