#include "operator/reconcile/caches.h"

#include "lib/core/check.h"
#include "operator/kube/json_patch.h"
#include "operator/reconcile/pods.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;

std::string NamespaceOf(const Json& tree) { return TextAt(tree, "/metadata/namespace"); }

// One value: what the object refers to at `path`, in its namespace; none when it refers to nothing.
kube::Cache::Index ByReference(const char* name, const char* path) {
  return {name, [path](const Json& tree) -> std::vector<std::string> {
            const std::string target = TextAt(tree, path);
            if (target.empty()) return {};
            return {PlaceOf(NamespaceOf(tree), target)};
          }};
}

kube::Cache::Index Plain(const char* name, const std::string& path) {
  return {name, [path](const Json& tree) -> std::vector<std::string> {
            const std::string value = TextAt(tree, path);
            if (value.empty()) return {};
            return {value};
          }};
}

bool HasEnded(const Json& tree) {
  const Json& succeeded = kube::ConditionAt(tree, "Succeeded");
  return !succeeded.is_null() && TextAt(succeeded, "/status") != "Unknown";
}

kube::Cache::Index Active() {
  return {kActive, [](const Json& tree) -> std::vector<std::string> {
            const bool deleting = !TextAt(tree, "/metadata/deletionTimestamp").empty();
            if (HasEnded(tree) && !deleting) return {};
            const std::string ns = NamespaceOf(tree);
            return {ns, PlaceOf(ns, TextAt(tree, "/spec/vectorStoreRef/name"))};
          }};
}

}  // namespace

std::string PlaceOf(const std::string& ns, const std::string& name) { return ns + "/" + name; }

Caches::Caches()
    : vector_stores_(nullptr, {ByReference(kByRepository, "/spec/repositoryRef/name")}),
      snapshots_(nullptr, {ByReference(kByVectorStore, "/spec/vectorStoreRef/name"),
                           Plain(kBySchedule, kube::PointerTo("/metadata/labels", kScheduleLabel)),
                           Active()}),
      schedules_(nullptr, {Plain(kByUid, "/metadata/uid")}),
      operations_(nullptr, {ByReference(kByVectorStore, "/spec/vectorStoreRef/name"), Active()}),
      pods_(TrimPod,
            {{kByVectorStore, [](const Json& tree) -> std::vector<std::string> {
                return {PlaceOf(NamespaceOf(tree), ReadMeta(tree).Label(kVectorStoreLabel))};
              }}}) {}

const kube::Cache& Caches::Of(const kube::Resource& resource) const {
  if (resource.plural == kVectorStores.plural) return vector_stores_;
  if (resource.plural == kRepositories.plural) return repositories_;
  if (resource.plural == kSnapshots.plural) return snapshots_;
  if (resource.plural == kSchedules.plural) return schedules_;
  if (resource.plural == kOperations.plural) return operations_;
  if (resource.plural == kPolicies.plural) return policies_;
  CHECK(resource.plural == kube::kPods.plural);
  return pods_;
}

kube::Cache& Caches::Of(const kube::Resource& resource) {
  return const_cast<kube::Cache&>(std::as_const(*this).Of(resource));
}

bool Caches::AllSynced() const {
  for (const kube::Resource& each : kOurKinds) {
    if (!Of(each).synced()) return false;
  }
  return pods_.synced();
}

std::vector<Json> Caches::PodsOf(const VectorStore& store) const {
  std::vector<Json> pods;
  const std::string place = PlaceOf(store.meta.name_space, store.meta.name);
  for (const kube::ObjectPtr& each : pods_.By(kByVectorStore, place)) {
    pods.push_back(each->Tree());
  }
  return pods;
}

}  // namespace pannier::control
