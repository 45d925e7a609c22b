#include "tests/operator/plan/world.h"

#include <algorithm>

#include "lib/core/time_text.h"
#include "operator/resource/names.h"

namespace pannier::test {

using namespace control;
using Json = nlohmann::json;
using std::chrono::seconds;

World::World(uint64_t seed, int pods, int stores_each)
    : now(seconds(1'750'000'000)), random_(seed) {
  for (int i = 0; i < pods; ++i) {
    Daemon daemon;
    daemon.pod_name = "pod-" + std::to_string(i);
    daemon.pod_uid = "uid-of-" + daemon.pod_name;
    for (int j = 0; j < stores_each; ++j) {
      daemon.stores["t/db" + std::to_string(j)] = {
          "store-" + std::to_string(i) + "-" + std::to_string(j), 1, false};
    }
    daemons.push_back(std::move(daemon));
  }
}

// --- what people do ---

void World::Create(const Kind& kind, const std::string& name, Json spec) {
  Meta meta;
  meta.name = name;
  meta.name_space = "default";
  Json object = NewObject(kind, meta, std::move(spec));
  object["metadata"]["uid"] = "object-" + std::to_string(++uids_);
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  object["metadata"]["generation"] = 1;
  object["metadata"]["creationTimestamp"] = FormatTime(std::chrono::floor<seconds>(now));
  objects_[{kind.plural, name}] = std::move(object);
}

void World::Delete(const Kind& kind, const std::string& name) {
  const Place place{kind.plural, name};
  slots_.erase(name);  // whether it ran may be forgotten with it
  objects_.at(place)["metadata"]["deletionTimestamp"] =
      FormatTime(std::chrono::floor<seconds>(now));
  objects_.at(place)["metadata"]["resourceVersion"] = std::to_string(++version_);
  DropIfDone(place);
}

void World::SetSpec(const Kind& kind, const std::string& name, const Json& patch) {
  Json& object = objects_.at({kind.plural, name});
  object["spec"].merge_patch(patch);
  object["metadata"]["generation"] = object["metadata"]["generation"].get<int>() + 1;
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
}

bool World::Has(const Kind& kind, const std::string& name) const {
  return objects_.count({kind.plural, name}) != 0;
}

void World::DropIfDone(const Place& place) {
  const auto found = objects_.find(place);
  if (found == objects_.end()) return;
  const Meta meta = ReadMeta(found->second);
  if (!meta.IsDeleting() || !meta.finalizers.empty()) return;
  objects_.erase(found);
  ++version_;
}

// --- daemons ---

void World::Pass(seconds time) {
  now += time;
  for (Daemon& daemon : daemons) {
    if (daemon.up) Work(&daemon);
  }
}

void World::Restart(Daemon* daemon) {
  ++daemon->session;
  for (auto it = daemon->operations.begin(); it != daemon->operations.end();) {
    const bool open = !it->second.ended.has_value();
    it = open && random_.OneIn(2) ? daemon->operations.erase(it) : std::next(it);
  }
}

void World::Work(Daemon* daemon) {
  for (auto& [uid, operation] : daemon->operations) {
    if (operation.ended || random_.OneIn(3)) continue;
    operation.state = OperationState::kRunning;
    if (random_.OneIn(2)) continue;
    operation.ended = now;
    if (now >= operation.asked + seconds(operation.body.value("timeoutSeconds", 3600))) {
      operation.state = OperationState::kFailed;
      operation.error = "deadline exceeded";
      continue;
    }
    if (failure_one_in > 0 && random_.OneIn(failure_one_in)) {
      operation.state = OperationState::kFailed;
      operation.error = random_.OneIn(4) ? "not found" : "unavailable";
      continue;
    }
    operation.state = OperationState::kSucceeded;
    Finish(daemon, uid, &operation);
  }
}

void World::Finish(Daemon* daemon, const std::string& uid, Operation* operation) {
  const std::string action = operation->body["action"];
  if (action == "snapshotDelete") {
    std::erase_if(manifests, [&](const auto& each) {
      return each.second.uid == operation->body["snapshot"].get<std::string>();
    });
    return;
  }
  const auto store = daemon->stores.find(operation->body["store"]);
  if (action == "restore") return FinishRestore(daemon, operation);
  if (store == daemon->stores.end()) {
    operation->state = OperationState::kFailed;
    operation->error = "not found";
    return;
  }
  if (action == "rebuildIndex") {
    if (random_.OneIn(2)) store->second.damaged = false;
    operation->result = {{"collections", 1}};
  }
  if (action == "verify") operation->result = {{"sound", !store->second.damaged}, {"records", 5}};
  if (action != "snapshot") return;
  const std::string key = "snapshots/owner/" + store->second.id + "/" +
                          std::to_string(store->second.sequence) + "-" + uid + ".json";
  manifests[key] = {uid, store->second.id, store->second.sequence};
  operation->result = {{"uid", uid},
                       {"storeID", store->second.id},
                       {"sequence", store->second.sequence},
                       {"manifest", key},
                       {"bytes", 100},
                       {"newBytes", 10},
                       {"verified", true}};
}

const World::Manifest* World::NewestOf(const std::string& store_id) const {
  const Manifest* newest = nullptr;
  for (const auto& [key, manifest] : manifests) {
    if (manifest.store_id != store_id) continue;
    if (newest == nullptr || manifest.sequence >= newest->sequence) newest = &manifest;
  }
  return newest;
}

void World::FinishRestore(Daemon* daemon, Operation* operation) {
  Store& store = daemon->stores[operation->body["store"]];
  const Manifest* source = nullptr;
  if (operation->body.contains("snapshot")) {
    for (const auto& [key, manifest] : manifests) {
      if (manifest.uid == operation->body["snapshot"].get<std::string>()) source = &manifest;
    }
  } else {
    source = NewestOf(store.id);
  }
  if (source == nullptr) {
    operation->state = OperationState::kFailed;
    operation->error = "not found";
    return;
  }
  operation->plan = {
      {"source", source->uid}, {"dataLossSeconds", 30}, {"steps", {"fetch", "swap"}}};
  if (operation->body.value("dryRun", false)) return;
  store.sequence = source->sequence;
  store.damaged = false;
  operation->result = {{"restored", {{{"sequence", source->sequence}}}}};
}

World::Daemon* World::Find(const std::string& pod_uid) {
  const auto found = std::find_if(daemons.begin(), daemons.end(),
                                  [&](const Daemon& each) { return each.pod_uid == pod_uid; });
  return found == daemons.end() ? nullptr : &*found;
}

DaemonView World::View(const Daemon& daemon, const std::vector<Uuid>& uids) const {
  DaemonView view;
  view.pod_uid = daemon.pod_uid;
  view.pod_name = daemon.pod_name;
  view.reachable = daemon.up;
  if (!daemon.up) return view;
  view.session_id = std::to_string(daemon.session);
  view.version = "1";
  for (const auto& [name, store] : daemon.stores) {
    StoreView each;
    each.name = name;
    each.id = store.id;
    each.sequence = store.sequence;
    each.damaged = store.damaged;
    view.stores.push_back(each);
  }
  for (const Uuid& uid : uids) {
    const auto found = daemon.operations.find(uid.ToString());
    if (found == daemon.operations.end()) continue;
    OperationView operation;
    operation.uid = found->first;
    operation.state = found->second.state;
    operation.ended = found->second.ended;
    operation.plan = found->second.plan;
    operation.result = found->second.result;
    operation.error = found->second.error;
    operation.message = found->second.error;
    view.operations[operation.uid] = operation;
  }
  return view;
}

std::vector<DaemonView> World::Views(
    const std::function<std::vector<Uuid>(const Daemon&)>& uids) const {
  std::vector<DaemonView> views;
  for (const Daemon& daemon : daemons) views.push_back(View(daemon, uids(daemon)));
  return views;
}

}  // namespace pannier::test
