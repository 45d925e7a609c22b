// What the operator keeps of the cluster: our six kinds, and the pods that name a VectorStore,
// trimmed to what is read. Objects are found by what they refer to. Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/kube/cache.h"
#include "operator/reconcile/kinds.h"

namespace pannier::control {

// Names of indexes. Values that are names are "namespace/name".
inline constexpr const char* kByVectorStore = "vectorstore";  // snapshots, operations, pods
inline constexpr const char* kByRepository = "repository";    // VectorStores
inline constexpr const char* kByUid = "uid";                  // schedules
inline constexpr const char* kBySchedule = "schedule";        // snapshots: the schedule's uid
// Snapshots and operations not at their end, or being deleted: by namespace, and by VectorStore.
inline constexpr const char* kActive = "active";

// Objects as they were read. Those that cannot be understood are left out and make it incomplete:
// then nothing may be concluded from what is missing.
template <typename R>
struct Several {
  std::vector<R> items;
  bool complete = true;
};

struct Caches {
  Caches();

  // Of one of kOurKinds, or kube::kPods.
  kube::Cache& Of(const kube::Resource& resource);
  const kube::Cache& Of(const kube::Resource& resource) const;
  bool AllSynced() const;

  // The object of that name; nothing where there is none or it cannot be understood.
  template <typename R>
  std::optional<R> Find(const std::string& ns, const std::string& name) const;
  template <typename R>
  Several<R> By(const char* index, const std::string& value) const;
  // All pods of a VectorStore, as trees.
  std::vector<nlohmann::json> PodsOf(const VectorStore& store) const;

 private:
  kube::Cache vector_stores_, repositories_, snapshots_, schedules_, operations_, policies_, pods_;
};

// "namespace/name"
std::string PlaceOf(const std::string& ns, const std::string& name);

// As ParseResource, for the tree of any source; adds what it understands.
template <typename R>
void Take(const nlohmann::json& tree, Several<R>* all) {
  Result<R> read = ParseResource<R>(tree);
  if (read.ok()) {
    all->items.push_back(std::move(read).value());
  } else {
    all->complete = false;
  }
}

template <typename R>
std::optional<R> Caches::Find(const std::string& ns, const std::string& name) const {
  if (name.empty()) return std::nullopt;
  const kube::ObjectPtr object = Of(ResourceFor<R>()).Find({ns, name});
  if (object == nullptr) return std::nullopt;
  Result<R> read = ParseResource<R>(object->Tree());
  return read.ok() ? std::optional(std::move(read).value()) : std::nullopt;
}

template <typename R>
Several<R> Caches::By(const char* index, const std::string& value) const {
  Several<R> all;
  for (const kube::ObjectPtr& each : Of(ResourceFor<R>()).By(index, value)) {
    Take(each->Tree(), &all);
  }
  return all;
}

}  // namespace pannier::control
