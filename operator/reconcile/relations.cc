#include "operator/reconcile/relations.h"

#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;
using kube::TextAt;
using std::chrono::milliseconds;

constexpr milliseconds kSoon{200};
constexpr milliseconds kPodPause{1000};

// What of an object is not the operator's own doing: its spec, and what people put on it.
bool IsNewSpec(const Json& before, const Json& after) {
  if (before.is_null() || after.is_null()) return true;
  const auto same = [&](const char* path) {
    return kube::At(before, path) == kube::At(after, path);
  };
  return !same("/metadata/generation") || !same("/metadata/labels") ||
         !same("/metadata/annotations") || !same("/metadata/deletionTimestamp") ||
         !same("/metadata/uid");
}

std::string ConditionOf(const Json& tree, const char* type) {
  const Json& condition = kube::ConditionAt(tree, type);
  return TextAt(condition, "/status") + TextAt(condition, "/reason");
}

class Finder {
 public:
  Finder(const Caches& caches, const kube::Change& change)
      : caches_(caches),
        before_(change.before ? change.before->Tree() : Json()),
        after_(change.after ? change.after->Tree() : Json()),
        some_(change.after ? after_ : before_),
        key_(change.after ? change.after->key : change.before->key) {}

  std::vector<LookAt> Find(const kube::Resource& resource) {
    if (resource.plural == kube::kPods.plural) OfPod();
    if (resource.plural == kVectorStores.plural) OfVectorStore();
    if (resource.plural == kRepositories.plural) OfRepository();
    if (resource.plural == kSnapshots.plural) OfSnapshot();
    if (resource.plural == kOperations.plural) OfOperation();
    if (resource.plural == kSchedules.plural || resource.plural == kPolicies.plural) {
      if (IsNewSpec(before_, after_)) Look(resource, key_);
    }
    return std::move(found_);
  }

 private:
  void Look(const kube::Resource& resource, const kube::ObjectKey& key,
            milliseconds delay = milliseconds(0)) {
    found_.push_back({resource, key, delay});
  }
  void LookAtAll(const kube::Resource& resource, const char* index, const std::string& value,
                 milliseconds delay) {
    for (const kube::ObjectPtr& each : caches_.Of(resource).By(index, value)) {
      if (each->key != key_) Look(resource, each->key, delay);
    }
  }
  // Snapshots and operations that wait for something, or are at work: of a VectorStore, or of the
  // whole namespace.
  void LookAtActive(const std::string& of, milliseconds delay) {
    LookAtAll(kSnapshots, kActive, of, delay);
    LookAtAll(kOperations, kActive, of, delay);
  }
  void LookAtActiveOf(const std::string& vector_store, milliseconds delay) {
    LookAtActive(PlaceOf(key_.ns, vector_store), delay);
  }
  kube::ObjectKey Named(const char* path) const { return {key_.ns, TextAt(some_, path)}; }

  void OfPod() {
    if (!before_.is_null() && !after_.is_null() &&
        kube::At(before_, "/status") == kube::At(after_, "/status") &&
        !IsNewSpec(before_, after_)) {
      return;
    }
    for (const Json* tree : {&before_, &after_}) {
      if (tree->is_null()) continue;
      const kube::ObjectKey store{key_.ns, ReadMeta(*tree).Label(kVectorStoreLabel)};
      Look(kVectorStores, store, kPodPause);
      LookAtActiveOf(store.name, kPodPause);
      // A repository on a volume is looked at through its pods.
      const kube::ObjectPtr found = caches_.Of(kVectorStores).Find(store);
      if (found == nullptr) continue;
      const std::string repository = TextAt(found->Tree(), "/spec/repositoryRef/name");
      if (!repository.empty()) Look(kRepositories, {key_.ns, repository}, 2 * kPodPause);
    }
  }

  void OfVectorStore() {
    if (!IsNewSpec(before_, after_)) return;
    Look(kVectorStores, key_);
    LookAtActiveOf(key_.name, kSoon);
    const kube::ObjectKey repository = Named("/spec/repositoryRef/name");
    // A volume is reached through its daemons.
    if (!repository.name.empty()) Look(kRepositories, repository, kSoon);
  }

  void OfRepository() {
    if (IsNewSpec(before_, after_)) Look(kRepositories, key_);
    const bool turned = ConditionOf(before_, "Ready") != ConditionOf(after_, "Ready");
    if (!turned && !IsNewSpec(before_, after_)) return;
    LookAtActive(key_.ns, kSoon);
    LookAtAll(kVectorStores, kByRepository, PlaceOf(key_.ns, key_.name), kSoon);
  }

  void OfSnapshot() {
    Look(kSnapshots, key_);
    const bool turned = ConditionOf(before_, "Succeeded") != ConditionOf(after_, "Succeeded");
    if (!turned && !IsNewSpec(before_, after_)) return;
    const kube::ObjectKey store = Named("/spec/vectorStoreRef/name");
    LookAtActiveOf(store.name, kSoon);  // who waits for it
    const std::string schedule = ReadMeta(some_).Label(kScheduleLabel);
    if (!schedule.empty()) LookAtAll(kSchedules, kByUid, schedule, milliseconds(0));
    const std::string state = ConditionOf(after_, "Succeeded");
    // What it shows is the newest snapshot that has ended.
    if (after_.is_null() || state.starts_with("True")) Look(kVectorStores, store, kSoon);
  }

  void OfOperation() {
    Look(kOperations, key_);
    const bool turned = ConditionOf(before_, "Succeeded") != ConditionOf(after_, "Succeeded") ||
                        ConditionOf(before_, "Fenced") != ConditionOf(after_, "Fenced");
    if (!turned && !IsNewSpec(before_, after_)) return;
    const kube::ObjectKey store = Named("/spec/vectorStoreRef/name");
    LookAtActiveOf(store.name, kSoon);
    Look(kVectorStores, store, kSoon);
  }

  const Caches& caches_;
  const Json before_, after_;
  const Json& some_;
  const kube::ObjectKey key_;
  std::vector<LookAt> found_;
};

}  // namespace

std::vector<LookAt> Related(const Caches& caches, const kube::Resource& resource,
                            const kube::Change& change) {
  return Finder(caches, change).Find(resource);
}

}  // namespace pannier::control
