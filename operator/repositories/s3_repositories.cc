#include "operator/repositories/s3_repositories.h"

#include <algorithm>

#include "lib/repository/garbage.h"
#include "lib/repository/snapshot_key.h"
#include "operator/repositories/manifest_sizes.h"
#include "operator/repositories/s3_access.h"
#include "operator/repositories/s3_inventory.h"
#include "operator/repositories/s3_probe.h"

namespace pannier::control {
namespace {

using repository::Repository;
using repository::S3Store;
using repository::SnapshotRef;
using std::chrono::seconds;

constexpr seconds kTemporaryValid(900);  // no session of AWS is shorter
constexpr seconds kValidMax(7 * 24 * 3600);
constexpr seconds kPatience(20);  // for reading manifests, which a listing does not need

// A bucket's client, and the repository in it. Lives as long as a call.
struct Opened {
  std::unique_ptr<S3Store> store;
  std::unique_ptr<Repository> repository;
};

Error OfAccess(Error error) {
  if (error.code == Errc::kNotFound) error.code = Errc::kPermissionDenied;
  return error;
}

Status CheckWritable(const SnapshotRepository& repository) {
  if (repository.spec.access == AccessMode::kReadWrite) return {};
  return PermissionDenied("SnapshotRepository " + repository.meta.name + " is ReadOnly");
}

class RealS3Repositories final : public S3Repositories {
 public:
  RealS3Repositories(const Clock& clock, const S3RepositoriesOptions& options)
      : clock_(clock), options_(options) {}

  RepositoryProbe Probe(const SnapshotRepository& repository,
                        const RepositorySecrets& secrets) override {
    const Result<S3Access> access = AccessOf(repository, secrets);
    if (!access.ok()) return ProbeOf(access.error());
    const auto store = Connect(*access);
    if (!store.ok()) return ProbeOf(store.error());
    return ProbeS3(repository, **store, clock_, Within(options_.probe_timeout));
  }

  Result<std::string> MakeIdentity(const SnapshotRepository& repository,
                                   const RepositorySecrets& secrets) override {
    TRY(CheckWritable(repository));
    const auto store = TRY(Connect(repository, secrets));
    const auto made = TRY(Repository::Initialise(*store, clock_, Within(options_.probe_timeout)));
    return made->id().ToString();
  }

  Result<RepositoryListing> List(const SnapshotRepository& repository,
                                 const RepositorySecrets& secrets, WallTime slot) override {
    const SteadyTime deadline = Within(options_.list_timeout);
    const Opened opened = TRY(Open(repository, secrets, deadline));
    const std::vector<SnapshotRef> found = TRY(opened.repository->List({}, {}, deadline));
    RepositoryListing listing;
    listing.snapshots = static_cast<int64_t>(found.size());
    ChoiceToVerify choice(slot);
    for (const SnapshotRef& snapshot : found) {
      choice.Consider(snapshot.modified, snapshot.uid.ToString(), snapshot.key, &listing);
      if (!listing.oldest || snapshot.modified < *listing.oldest) {
        listing.oldest = snapshot.modified;
      }
      if (listing.newest && snapshot.modified <= *listing.newest) continue;
      listing.newest = snapshot.modified;
    }
    const SteadyTime until = std::min(deadline, clock_.Steady() + kPatience);
    listing.bytes = static_cast<int64_t>(sizes_.Sum(*opened.repository, found, until));
    return listing;
  }

  Result<RepositoryInventory> Inventory(const SnapshotRepository& repository,
                                        const RepositorySecrets& secrets,
                                        const ClaimRule& rule) override {
    const SteadyTime deadline = Within(options_.list_timeout);
    const Opened opened = TRY(Open(repository, secrets, deadline));
    Result<RepositoryInventory> taken = inventory_.Take(*opened.repository, rule, deadline);
    if (taken.ok()) return taken;
    Error error = std::move(taken).error();
    error.what = SteadyText(std::move(error.what));
    return error;
  }

  Result<std::map<std::string, std::string>> FindManifests(const SnapshotRepository& repository,
                                                           const RepositorySecrets& secrets,
                                                           const std::string& owner,
                                                           const std::vector<Uuid>& uids) override {
    const std::optional<Uuid> whose = Uuid::Parse(owner);
    if (!whose || whose->IsNil()) return InvalidArgument("\"" + owner + "\" is no owner's uid");
    const SteadyTime deadline = Within(options_.list_timeout);
    const Opened opened = TRY(Open(repository, secrets, deadline));
    std::map<std::string, std::string> keys;
    for (const SnapshotRef& snapshot : TRY(opened.repository->List(*whose, {}, deadline))) {
      if (std::find(uids.begin(), uids.end(), snapshot.uid) == uids.end()) continue;
      keys[snapshot.uid.ToString()] = snapshot.key;
    }
    return keys;
  }

  Status DeleteManifest(const SnapshotRepository& repository, const RepositorySecrets& secrets,
                        const ManifestRef& manifest) override {
    const auto key = repository::ParseSnapshotKey(manifest.key);
    const bool is_manifest = key && key->part == repository::SnapshotPart::kManifest &&
                             key->uid.ToString() == manifest.snapshot_uid;
    if (!is_manifest) {
      return InvalidArgument("\"" + manifest.key + "\" is no manifest of snapshot " +
                             manifest.snapshot_uid);
    }
    TRY(CheckWritable(repository));
    const SteadyTime deadline = Within(options_.list_timeout);
    const Opened opened = TRY(Open(repository, secrets, deadline));
    SnapshotRef snapshot;
    snapshot.key = manifest.key;
    return opened.repository->Delete(snapshot, deadline);
  }

  Result<uint64_t> Collect(const SnapshotRepository& repository, const RepositorySecrets& secrets,
                           seconds grace) override {
    TRY(CheckWritable(repository));
    const SteadyTime deadline = Within(options_.collect_timeout);
    const Opened opened = TRY(Open(repository, secrets, deadline));
    repository::GarbageOptions garbage;
    garbage.grace = grace;
    garbage.deletions_max = options_.deletions_max;
    return TRY(repository::CollectGarbage(*opened.repository, clock_, garbage, deadline))
        .deleted_bytes;
  }

  Result<std::vector<GrantedUrl>> Presign(const SnapshotRepository& repository,
                                          const RepositorySecrets& secrets,
                                          const std::vector<GrantItem>& items,
                                          seconds valid) override {
    using IfPresent = repository::ObjectStore::IfPresent;
    const Result<S3Access> access = AccessOf(repository, secrets);
    if (!access.ok()) return OfAccess(access.error());
    const bool is_temporary = !access->credentials.session_token.empty();
    const seconds most = is_temporary ? kTemporaryValid : kValidMax;
    const seconds bounded = std::clamp(valid, seconds(1), most);
    const WallTime expires = clock_.Now() + bounded;
    const auto store = TRY(Connect(*access));
    const std::string& ca = access->options.ca_pem;
    const auto ca_pem = ca.empty() ? nullptr : std::make_shared<const std::string>(ca);
    std::vector<GrantedUrl> urls;
    urls.reserve(items.size());
    for (const GrantItem& item : items) {
      const IfPresent present = item.if_absent ? IfPresent::kFail : IfPresent::kReplace;
      std::string url = TRY(store->Presign(item.method, item.key, present, bounded));
      GrantedUrl granted{item.method, item.key, std::move(url), expires};
      if (item.method == "PUT") granted.headers = store->PutHeaders();
      granted.ca_pem = ca_pem;
      urls.push_back(std::move(granted));
    }
    return urls;
  }

 private:
  SteadyTime Within(std::chrono::milliseconds limit) const { return clock_.Steady() + limit; }

  Result<std::unique_ptr<S3Store>> Connect(const S3Access& access) const {
    repository::S3Options options = access.options;
    options.request_timeout = options_.request_timeout;
    options.retry.attempts_max = options_.attempts_max;
    options.retry.pause_max = std::chrono::milliseconds(2'000);
    return S3Store::Make(std::move(options), access.credentials, clock_);
  }

  Result<std::unique_ptr<S3Store>> Connect(const SnapshotRepository& repository,
                                           const RepositorySecrets& secrets) const {
    const Result<S3Access> access = AccessOf(repository, secrets);
    if (!access.ok()) return OfAccess(access.error());
    return Connect(*access);
  }

  // The repository that the status knows, or an error before anything else is read.
  Result<Opened> Open(const SnapshotRepository& repository, const RepositorySecrets& secrets,
                      SteadyTime deadline) const {
    const std::optional<Uuid> known = Uuid::Parse(repository.status.repository_id);
    if (!known) {
      return Conflict("SnapshotRepository " + repository.meta.name + " was never validated");
    }
    Opened opened;
    opened.store = TRY(Connect(repository, secrets));
    auto found = Repository::Open(*opened.store, clock_, known, deadline);
    if (found.Is(Errc::kNotFound)) {
      return Conflict(found.error().what + ", but was " + known->ToString());
    }
    opened.repository = TRY(std::move(found));
    return opened;
  }

  const Clock& clock_;
  const S3RepositoriesOptions options_;
  ManifestSizes sizes_;
  S3Inventory inventory_;
};

}  // namespace

std::unique_ptr<S3Repositories> MakeS3Repositories(const Clock& clock,
                                                   const S3RepositoriesOptions& options) {
  return std::make_unique<RealS3Repositories>(clock, options);
}

}  // namespace pannier::control
