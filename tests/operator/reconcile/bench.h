// A bench for reconcilers: the API in memory, daemons and S3 that answer what a test says, one log
// of all calls that change something, in their order.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/kube/guarded_api.h"
#include "operator/reconcile/reconcilers.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"

namespace pannier::test {

using Json = nlohmann::json;

// Daemons by the uid of their pod. A call is written into `log` before it is answered.
class FakeDaemons final : public control::DaemonCalls {
 public:
  explicit FakeDaemons(std::vector<std::string>& log) : log_(log) {}

  std::vector<control::DaemonView> Look(const std::vector<control::DaemonAddress>& daemons,
                                        const WhichOperations& which) override;
  Status Start(const control::DaemonAddress& daemon, const Uuid& uid, const Json& body,
               int64_t epoch) override;
  Status Cancel(const control::DaemonAddress& daemon, const Uuid& uid, int64_t epoch) override;
  Status Grant(const control::DaemonAddress& daemon, const Uuid& uid,
               const std::vector<control::GrantedUrl>& urls, int64_t epoch) override;
  Result<Json> Repositories(const control::DaemonAddress& daemon) override;
  Result<Json> Snapshots(const control::DaemonAddress& daemon,
                         const std::string& repository) override;
  Result<Json> Sessions(const control::DaemonAddress& daemon) override;

  // Every operation that runs ends like this.
  void Finish(const Json& result);

  std::map<std::string, control::DaemonView> views;
  Json repositories = {{"repositories", Json::array()}};
  Json sessions = {{"sessions", Json::array()}};
  Json snapshots = {{"snapshots", Json::array()}, {"total", 0}};
  Json last_started;  // the body of the last Start()
  Status next_start;  // of the next Start() alone, unless it is ok
  std::vector<control::DaemonAddress> looked_at;

 private:
  std::vector<std::string>& log_;
};

class FakeS3 final : public control::S3Repositories {
 public:
  explicit FakeS3(std::vector<std::string>& log) : log_(log) {}

  control::RepositoryProbe Probe(const control::SnapshotRepository& repository,
                                 const control::RepositorySecrets& secrets) override;
  Result<std::string> MakeIdentity(const control::SnapshotRepository& repository,
                                   const control::RepositorySecrets& secrets) override;
  Result<control::RepositoryListing> List(const control::SnapshotRepository& repository,
                                          const control::RepositorySecrets& secrets,
                                          WallTime slot) override;
  Result<control::RepositoryInventory> Inventory(const control::SnapshotRepository& repository,
                                                 const control::RepositorySecrets& secrets,
                                                 const control::ClaimRule& rule) override;
  Result<std::map<std::string, std::string>> FindManifests(
      const control::SnapshotRepository& repository, const control::RepositorySecrets& secrets,
      const std::string& owner, const std::vector<Uuid>& uids) override;
  Status DeleteManifest(const control::SnapshotRepository& repository,
                        const control::RepositorySecrets& secrets,
                        const control::ManifestRef& manifest) override;
  Result<uint64_t> Collect(const control::SnapshotRepository& repository,
                           const control::RepositorySecrets& secrets,
                           std::chrono::seconds grace) override;
  Result<std::vector<control::GrantedUrl>> Presign(const control::SnapshotRepository& repository,
                                                   const control::RepositorySecrets& secrets,
                                                   const std::vector<control::GrantItem>& items,
                                                   std::chrono::seconds valid) override;

  std::string identity;
  std::map<std::string, std::string> manifests;  // uid → key
  Result<control::RepositoryInventory> inventory = control::RepositoryInventory();
  std::string access_key;  // of the last call's credentials

 private:
  std::vector<std::string>& log_;
};

class Bench {
 public:
  Bench();

  // As the API makes it; `spec` as users write it.
  void Create(const kube::Resource& resource, const std::string& name, const Json& spec,
              const Json& metadata = Json::object());
  void CreatePod(const std::string& name, const std::string& vector_store, bool injected = true);
  void CreateSecret(const std::string& name, const std::map<std::string, std::string>& values);
  void SetStatus(const kube::Resource& resource, const std::string& name, const Json& status);
  Json Get(const kube::Resource& resource, const std::string& name);
  bool Has(const kube::Resource& resource, const std::string& name);
  std::string UidOf(const kube::Resource& resource, const std::string& name);
  // "True/Completed"
  std::string Condition(const kube::Resource& resource, const std::string& name, const char* type);

  // The caches learn what the API has.
  void Sync();
  using Reconcile = Result<kube::Action> (*)(control::Context&, const kube::ObjectKey&);
  // With fresh caches; what was written is in `log` then.
  Result<kube::Action> Run(Reconcile reconcile, const std::string& name);
  // A VectorStore "notes" with pod "notes-0" of one store, and repository "backups" in S3.
  void MakeWorld();

  std::vector<std::string> log, events;
  FakeClock clock;
  FakeKubeApi api{clock};
  std::optional<int64_t> epoch = 7;
  kube::GuardedApi guarded{api, [this] { return epoch.has_value(); }};
  control::Caches caches;
  FakeDaemons daemons{log};
  FakeS3 s3{log};
  control::Secrets secrets{guarded, clock};
  control::Context context;
};

}  // namespace pannier::test
