#include "operator/repositories/s3_inventory.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace pannier::control {

using repository::Repository;
using repository::SnapshotRef;

namespace {

using Chains = std::map<Uuid, std::vector<SnapshotRef>>;

bool IsGone(const Error& error) { return error.code == Errc::kNotFound; }
bool IsBroken(const Error& error) {
  return error.code == Errc::kCorruption || error.code == Errc::kInvalidArgument;
}

// Whether its newest verification found it sound. One that cannot be understood says nothing.
Result<bool> IsSound(Repository& repository, const SnapshotRef& ref, SteadyTime deadline) {
  if (!ref.has_verification) return false;
  const auto found = repository.ReadVerification(ref, deadline);
  if (found.ok()) return found->sound;
  if (IsGone(found.error()) || IsBroken(found.error())) return false;
  return found.error();
}

}  // namespace

// The stores of one owner.
class S3Inventory::OfOwner {
 public:
  OfOwner(S3Inventory& inventory, Repository& repository, const ClaimRule& rule,
          SteadyTime deadline)
      : inventory_(inventory), repository_(repository), rule_(rule), deadline_(deadline) {}

  Status Take(Chains& chains) {
    for (auto& [id, chain] : chains) {
      // By the object's own time, which is that of the commit; sequences go back at a restore.
      std::sort(chain.begin(), chain.end(), [](const SnapshotRef& a, const SnapshotRef& b) {
        return std::tie(b.modified, b.sequence) < std::tie(a.modified, a.sequence);
      });
      TRY(TakeChain(chain));
      if (is_foreign_) break;
    }
    return {};
  }
  void MoveInto(std::vector<ListedSnapshot>* listed, std::vector<std::string>* unreadable) {
    if (is_foreign_) return;
    std::move(found_.begin(), found_.end(), std::back_inserter(*listed));
    std::move(unreadable_.begin(), unreadable_.end(), std::back_inserter(*unreadable));
  }

 private:
  Status TakeChain(const std::vector<SnapshotRef>& chain) {
    std::string broken;
    bool is_readable = false;
    for (const SnapshotRef& ref : chain) {
      Result<Facts> facts = inventory_.Read(repository_, ref, deadline_);
      if (!facts.ok()) {
        if (IsBroken(facts.error())) broken = facts.error().what;
        if (IsBroken(facts.error()) || IsGone(facts.error())) continue;
        return std::move(facts).error();
      }
      is_readable = true;
      const std::string owner = ref.owner.ToString();
      is_foreign_ = rule_.Of(owner, facts->origin) == Claim::kForeign;
      if (is_foreign_) return {};
      if (!TRY(IsSound(repository_, ref, deadline_))) continue;
      found_.push_back(
          {owner, ref.store.ToString(), ref.key, facts->origin, facts->store_name, facts->time});
      return {};
    }
    if (!is_readable && !broken.empty()) unreadable_.push_back(broken);
    return {};
  }

  S3Inventory& inventory_;
  Repository& repository_;
  const ClaimRule& rule_;
  const SteadyTime deadline_;
  bool is_foreign_ = false;
  std::vector<ListedSnapshot> found_;
  std::vector<std::string> unreadable_;
};

Result<S3Inventory::Facts> S3Inventory::Read(Repository& repository, const SnapshotRef& ref,
                                             SteadyTime deadline) {
  {
    const MutexLock lock(mutex_);
    const auto known = facts_.find(ref.uid);
    if (known != facts_.end()) return known->second;
  }
  const contract::Manifest manifest = TRY(repository.ReadManifest(ref.key, deadline));
  Facts facts{manifest.origin, manifest.tenant + "/" + manifest.database, manifest.time};
  const MutexLock lock(mutex_);
  if (facts_.size() >= remembered_max_) facts_.clear();
  facts_.insert_or_assign(ref.uid, facts);
  return facts;
}

Result<RepositoryInventory> S3Inventory::Take(Repository& repository, const ClaimRule& rule,
                                              SteadyTime deadline) {
  std::map<Uuid, Chains> owners;
  for (SnapshotRef& ref : TRY(repository.List({}, {}, deadline))) {
    owners[ref.owner][ref.store].push_back(std::move(ref));
  }
  std::vector<ListedSnapshot> listed;
  std::vector<std::string> unreadable;
  for (auto& [id, chains] : owners) {
    OfOwner owner(*this, repository, rule, deadline);
    TRY(owner.Take(chains));
    owner.MoveInto(&listed, &unreadable);
  }
  RepositoryInventory inventory = InventoryOf(listed, rule);
  inventory.unreadable = std::move(unreadable);
  return inventory;
}

}  // namespace pannier::control
