#include "tests/operator/reconcile/bench.h"

namespace pannier::test {

using namespace control;
using kube::ObjectKey;
using kube::TextAt;

// --- daemons ---

std::vector<DaemonView> FakeDaemons::Look(const std::vector<DaemonAddress>& daemons,
                                          const WhichOperations& which) {
  looked_at = daemons;
  std::vector<DaemonView> seen;
  for (const DaemonAddress& each : daemons) {
    DaemonView view = views[each.pod_uid];
    view.pod_uid = each.pod_uid;
    view.pod_name = each.pod_name;
    std::map<std::string, OperationView> known;
    if (view.reachable) {
      for (const Uuid& uid : which(view)) {
        const OperationView* operation = view.Operation(uid);
        if (operation != nullptr) known[uid.ToString()] = *operation;
      }
    }
    view.operations = std::move(known);
    seen.push_back(std::move(view));
  }
  return seen;
}

Status FakeDaemons::Start(const DaemonAddress& daemon, const Uuid& uid, const Json& body,
                          int64_t epoch) {
  last_started = body;
  log_.push_back("start " + body.at("action").get<std::string>() + " epoch " +
                 std::to_string(epoch));
  if (!next_start.ok()) return std::exchange(next_start, Status());
  OperationView& operation = views[daemon.pod_uid].operations[uid.ToString()];
  operation.uid = uid.ToString();
  operation.state = OperationState::kRunning;
  return {};
}

Status FakeDaemons::Cancel(const DaemonAddress&, const Uuid&, int64_t) {
  log_.push_back("cancel");
  return {};
}

Status FakeDaemons::Grant(const DaemonAddress&, const Uuid&, const std::vector<GrantedUrl>& urls,
                          int64_t) {
  log_.push_back("grant " + urls.at(0).url);
  return {};
}

Result<Json> FakeDaemons::Repositories(const DaemonAddress&) { return repositories; }

Result<Json> FakeDaemons::Snapshots(const DaemonAddress&, const std::string&) { return snapshots; }

Result<Json> FakeDaemons::Sessions(const DaemonAddress&) {
  if (sessions.is_null()) return NotFound("there is no /admin/v1/sessions");
  return sessions;
}

void FakeDaemons::Finish(const Json& result) {
  for (auto& [pod, view] : views) {
    for (auto& [uid, operation] : view.operations) {
      if (operation.HasEnded()) continue;
      operation.state = OperationState::kSucceeded;
      operation.result = result;
      operation.wants.clear();
    }
  }
}

// --- S3 ---

RepositoryProbe FakeS3::Probe(const SnapshotRepository&, const RepositorySecrets& secrets) {
  access_key = secrets.credentials ? secrets.credentials->at("accessKeyID") : "";
  RepositoryProbe probe;
  if (!identity.empty()) probe.identity = identity;
  probe.empty = identity.empty();
  return probe;
}

Result<std::string> FakeS3::MakeIdentity(const SnapshotRepository&, const RepositorySecrets&) {
  log_.push_back("identity");
  identity = "repository-1";
  return identity;
}

Result<RepositoryListing> FakeS3::List(const SnapshotRepository& repository,
                                       const RepositorySecrets&, WallTime slot) {
  if (repository.status.repository_id != identity) return Conflict("another repository");
  RepositoryListing listing;
  listing.snapshots = static_cast<int64_t>(manifests.size());
  ChoiceToVerify choice(slot);
  for (const auto& [uid, key] : manifests) choice.Consider(slot, uid, key, &listing);
  return listing;
}

Result<RepositoryInventory> FakeS3::Inventory(const SnapshotRepository&, const RepositorySecrets&,
                                              const ClaimRule&) {
  log_.push_back("inventory");
  return inventory;
}

Result<std::map<std::string, std::string>> FakeS3::FindManifests(const SnapshotRepository&,
                                                                 const RepositorySecrets&,
                                                                 const std::string&,
                                                                 const std::vector<Uuid>& uids) {
  std::map<std::string, std::string> found;
  for (const Uuid& uid : uids) {
    const auto each = manifests.find(uid.ToString());
    if (each != manifests.end()) found.insert(*each);
  }
  return found;
}

Status FakeS3::DeleteManifest(const SnapshotRepository&, const RepositorySecrets&,
                              const ManifestRef& manifest) {
  log_.push_back("delete manifest");
  manifests.erase(manifest.snapshot_uid);
  return {};
}

Result<uint64_t> FakeS3::Collect(const SnapshotRepository&, const RepositorySecrets&,
                                 std::chrono::seconds) {
  log_.push_back("collect");
  return uint64_t{0};
}

Result<std::vector<GrantedUrl>> FakeS3::Presign(const SnapshotRepository&, const RepositorySecrets&,
                                                const std::vector<GrantItem>& items,
                                                std::chrono::seconds) {
  std::vector<GrantedUrl> urls;
  for (const GrantItem& each : items) {
    urls.push_back({each.method, each.key, "https://s3/" + each.key, {}});
  }
  return urls;
}

// --- the bench ---

Bench::Bench() : context{guarded, caches, daemons, s3, secrets, clock, nullptr, nullptr, nullptr} {
  context.epoch = [this] { return epoch; };
  context.tell = [this](const kube::Regarding&, const PlanEvent& event) {
    events.push_back((event.warning ? "!" : "") + event.reason);
  };
  context.keep_admin_secret = [](const VectorStore&) { return Status(); };
  api.SetBefore([this](std::string_view verb, const kube::Resource& resource, const ObjectKey&) {
    if (verb != "get" && verb != "list" && verb != "watch") {
      log.push_back(std::string(verb) + " " + std::string(resource.kind));
    }
    return Status();
  });
}

void Bench::Create(const kube::Resource& resource, const std::string& name, const Json& spec,
                   const Json& metadata) {
  Json object = {{"apiVersion", resource.ApiVersion()},
                 {"kind", std::string(resource.kind)},
                 {"metadata", {{"name", name}, {"namespace", "team"}}},
                 {"spec", spec}};
  object["metadata"].merge_patch(metadata);
  api.Create(resource, object).value();
}

void Bench::CreatePod(const std::string& name, const std::string& vector_store, bool injected) {
  Json labels = {{"pannier.dev/vectorstore", vector_store}};
  if (injected) labels["pannier.dev/injected"] = "true";
  Create(kube::kPods, name, Json::object(), {{"labels", labels}});
  SetStatus(kube::kPods, name, {{"podIP", "10.0.0.7"}, {"phase", "Running"}});
}

void Bench::CreateSecret(const std::string& name,
                         const std::map<std::string, std::string>& values) {
  Json secret = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"metadata", {{"name", name}, {"namespace", "team"}}},
                 {"data", EncodeSecret(values)}};
  api.Create(kube::kSecrets, secret).value();
}

void Bench::SetStatus(const kube::Resource& resource, const std::string& name, const Json& status) {
  api.PatchStatus(resource, {"team", name}, "", status).value();
}

Json Bench::Get(const kube::Resource& resource, const std::string& name) {
  return api.Get(resource, {"team", name}).value();
}

bool Bench::Has(const kube::Resource& resource, const std::string& name) {
  return api.Get(resource, {"team", name}).ok();
}

std::string Bench::UidOf(const kube::Resource& resource, const std::string& name) {
  return TextAt(Get(resource, name), "/metadata/uid");
}

std::string Bench::Condition(const kube::Resource& resource, const std::string& name,
                             const char* type) {
  const Json object = Get(resource, name);
  for (const Json& each : object.value("/status/conditions"_json_pointer, Json::array())) {
    if (each["type"] != type) continue;
    return each["status"].get<std::string>() + "/" + each["reason"].get<std::string>();
  }
  return "";
}

void Bench::Sync() {
  std::vector<kube::Resource> all(kOurKinds.begin(), kOurKinds.end());
  all.push_back(kube::kPods);
  for (const kube::Resource& each : all) {
    std::vector<kube::Cache::Entry> entries;
    const auto page = api.List(each, {"", "", 500, ""}, [&](Json& item) {
      entries.push_back(caches.Of(each).Prepare(item).value());
    });
    page.value();
    caches.Of(each).Swap(std::move(entries));
  }
}

Result<kube::Action> Bench::Run(Reconcile reconcile, const std::string& name) {
  Sync();
  log.clear();
  events.clear();
  return reconcile(context, {"team", name});
}

void Bench::MakeWorld() {
  CreateSecret("keys", {{"accessKeyID", "AK1"}, {"secretAccessKey", "secret"}});
  Create(kRepositories, "backups",
         {{"s3", {{"bucket", "bucket"}, {"credentialsSecretRef", {{"name", "keys"}}}}}});
  s3.identity = "repository-1";
  Create(kVectorStores, "notes",
         {{"storage", {{"emptyDir", Json::object()}}}, {"repositoryRef", {{"name", "backups"}}}});
  CreatePod("notes-0", "notes");
  DaemonView& view = daemons.views[UidOf(kube::kPods, "notes-0")];
  view.reachable = true;
  view.session_id = "session-1";
  view.version = "0.1.0";
  StoreView store;
  store.name = "t/d";
  store.id = "store-1";
  view.stores = {store};
  Run(ReconcileRepository, "backups").value();
}

}  // namespace pannier::test
