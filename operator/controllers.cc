#include "operator/controllers.h"

#include "operator/plan/snapshot_items.h"
#include "operator/reconcile/reconcilers.h"
#include "operator/reconcile/relations.h"
#include "operator/resource/names.h"

namespace pannier::control {

Controllers::Controllers(kube::Api& api, Caches& caches, Context& context, const std::string& ns,
                         const kube::RuntimeMetrics& metrics)
    : api_(api), caches_(caches), context_(context), ns_(ns), metrics_(metrics) {
  AddController(kVectorStores, "vectorstore", 4, ReconcileVectorStore);
  AddController(kRepositories, "snapshotrepository", 2, ReconcileRepository);
  AddController(kSnapshots, "storesnapshot", 8, ReconcileSnapshot);
  AddController(kSchedules, "storesnapshotschedule", 1, ReconcileSchedule);
  AddController(kOperations, "storeoperation", 4, ReconcileOperation);
  AddController(kPolicies, "storecleanuppolicy", 1, ReconcilePolicy);
  context_.transfers.SetWake([this](const Transfers::Who& who) { Wake(who); });
  for (const kube::Resource& each : kOurKinds) AddWatcher(each, "");
  AddWatcher(kube::kPods, kVectorStoreLabel);
}

Controllers::~Controllers() { Stop(); }

void Controllers::AddController(const kube::Resource& resource, const std::string& name,
                                int workers,
                                Result<kube::Action> (*reconcile)(Context&,
                                                                  const kube::ObjectKey&)) {
  kube::Controller::Options options;
  options.name = name;
  options.workers = workers;
  options.seed = HashOf(name);
  controllers_[std::string(resource.plural)] = std::make_unique<kube::Controller>(
      options, context_.clock, metrics_, [this, resource] { return caches_.Of(resource).Keys(); },
      [this, reconcile](const kube::ObjectKey& key) { return reconcile(context_, key); });
}

void Controllers::AddWatcher(const kube::Resource& resource, const std::string& label) {
  kube::Watcher::Options options;
  options.resource = resource;
  options.ns = ns_;
  options.label_selector = label;
  options.seed = HashOf(resource.plural);
  watchers_.push_back(std::make_unique<kube::Watcher>(
      api_, caches_.Of(resource), context_.clock, options, metrics_,
      [this, resource](const kube::Change& change) { OnChange(resource, change); }));
}

// Controllers look at everything when they start: until then nobody has to find out what a change
// concerns.
void Controllers::OnChange(const kube::Resource& resource, const kube::Change& change) {
  if (!leads_) return;
  for (const LookAt& each : Related(caches_, resource, change)) {
    const auto found = controllers_.find(each.resource.plural);
    if (found != controllers_.end()) found->second->Enqueue(each.key, each.delay);
  }
}

void Controllers::Start() {
  for (const auto& watcher : watchers_) watcher->Start();
}

// Who is at work already, as the operator before us left it.
void Controllers::CountTransfers() {
  context_.transfers.Clear();
  for (const kube::ObjectPtr& each : caches_.Of(kSnapshots).All()) {
    if (each->json.find("\"Running\"") == std::string::npos) continue;
    const Result<StoreSnapshot> snapshot = ParseResource<StoreSnapshot>(each->Tree());
    if (!snapshot.ok() || IsTerminal(snapshot->status.conditions)) continue;
    const int64_t running = RunningOf(snapshot->status.items);
    const std::string place = PlaceOf(each->key.ns, snapshot->status.repository_name);
    context_.transfers.Claim({kSnapshots, each->key}, place, {running, running, running});
  }
}

void Controllers::Wake(const Transfers::Who& who) {
  const auto found = controllers_.find(who.resource.plural);
  if (leads_ && found != controllers_.end()) found->second->Enqueue(who.key, {});
}

void Controllers::Lead() {
  CountTransfers();
  leads_ = true;  // before the first of them asks what there is
  for (const auto& [plural, controller] : controllers_) controller->Start();
}

void Controllers::Follow() {
  leads_ = false;
  for (const auto& [plural, controller] : controllers_) controller->Stop();
}

void Controllers::Stop() {
  Follow();
  for (const auto& watcher : watchers_) watcher->Stop();
}

std::string Controllers::Describe() const {
  std::string text;
  for (const auto& watcher : watchers_) {
    const kube::Watcher::Health health = watcher->health();
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(health.age).count();
    text += "watch " + std::string(watcher->resource().plural) +
            (health.synced ? ": synced" : ": not synced") + ", heard " + std::to_string(age) +
            " s ago";
    if (!health.error.ok()) text += ", " + health.error.error().what;
    text += "\n";
  }
  return text;
}

std::map<std::string, double> Controllers::WatchAges() const {
  std::map<std::string, double> ages;
  for (const auto& watcher : watchers_) {
    ages[std::string(watcher->resource().kind)] =
        std::chrono::duration<double>(watcher->health().age).count();
  }
  return ages;
}

}  // namespace pannier::control
