#include "daemon/operations/snapshot_finder.h"

#include <algorithm>
#include <set>

#include "daemon/operations/members.h"
#include "lib/core/parallel.h"
#include "lib/core/time_text.h"
#include "lib/crypto/sha256.h"

namespace pannier::operations {
namespace {

using contract::Manifest;
using repository::Repository;
using repository::SnapshotRef;

constexpr size_t kRememberedMax = 20'000;
constexpr uint32_t kReaders = 4;

bool Same(const StoreName& a, const StoreName& b) {
  return a.tenant == b.tenant && a.database == b.database;
}

bool Fits(const FoundSnapshot& snapshot, const Wanted& wanted) {
  if (wanted.snapshot) return snapshot.ref.uid == *wanted.snapshot;
  if (wanted.sequence) return snapshot.ref.sequence == *wanted.sequence;
  return !wanted.at || snapshot.time <= *wanted.at;
}

std::string Describe(const Wanted& wanted) {
  if (wanted.snapshot) return " " + wanted.snapshot->ToString();
  if (wanted.sequence) return " at sequence " + std::to_string(*wanted.sequence);
  if (wanted.at) return " at or before " + FormatTime(*wanted.at);
  return "";
}

// Those of `owner` where it has any; else all, when they are of one owner.
Status KeepOneOwner(std::vector<FoundSnapshot>& snapshots, const Uuid& owner, bool owner_given) {
  std::set<Uuid> owners;
  for (const FoundSnapshot& each : snapshots) owners.insert(each.ref.owner);
  if (owner_given || owners.contains(owner)) {
    std::erase_if(snapshots, [&](const FoundSnapshot& each) { return each.ref.owner != owner; });
    return {};
  }
  if (owners.size() < 2) return {};
  std::string list;
  for (const Uuid& each : owners) list += (list.empty() ? "" : ", ") + each.ToString();
  return Conflict(
      "several owners have snapshots of this store: " + list,
      "say which with \"owner\" (pannierctl: --owner), or name the snapshot by its uid");
}

void NoteBroken(const Error& error, SnapshotFinder::Listing* listing) {
  ++listing->unreadable;
  if (listing->broken.size() < SnapshotFinder::Listing::kBrokenMax)
    listing->broken.push_back(error.what);
}

}  // namespace

Uuid StoreChain(const store::DatabaseInfo& database, const Uuid& instance) {
  if (!database.id.IsNil()) return database.id;
  const crypto::Digest digest =
      crypto::Sha256(instance.ToString() + "/" + database.tenant + "/" + database.name);
  std::array<uint8_t, 16> bytes{};
  std::copy_n(digest.begin(), bytes.size(), bytes.begin());
  return Uuid(bytes);
}

SnapshotFinder::Facts SnapshotFinder::FactsOf(const Manifest& manifest) {
  return {{manifest.tenant, manifest.database},
          manifest.origin,
          manifest.time,
          manifest.bytes(),
          manifest.new_bytes,
          manifest.records};
}

void SnapshotFinder::Remember(const SnapshotRef& ref, const Manifest& manifest) {
  MutexLock lock(mutex_);
  if (facts_.size() >= kRememberedMax) facts_.clear();
  facts_.insert_or_assign(ref.key, FactsOf(manifest));
}

Result<SnapshotFinder::Facts> SnapshotFinder::Read(Repository& repository, const SnapshotRef& ref,
                                                   SteadyTime deadline) {
  {
    MutexLock lock(mutex_);
    const auto known = facts_.find(ref.key);
    if (known != facts_.end()) return known->second;
  }
  const Manifest manifest = TRY(repository.ReadManifest(ref.key, deadline));
  Remember(ref, manifest);
  return FactsOf(manifest);
}

void SnapshotFinder::Forget() {
  MutexLock lock(mutex_);
  facts_.clear();
}

Result<SnapshotFinder::Listing> SnapshotFinder::List(Repository& repository,
                                                     const std::optional<StoreName>& store,
                                                     const Uuid& owner, SteadyTime deadline) {
  const std::vector<SnapshotRef> refs = TRY(repository.List(owner, Uuid(), deadline));
  Mutex mutex;
  Listing listing;
  TRY(ForEach(
      refs.size(), Crew{"reader", kReaders, Urgency::kWaitedFor}, [&](uint64_t index) -> Status {
        const Result<Facts> facts = Read(repository, refs[index], deadline);
        MutexLock lock(mutex);
        if (!facts.ok()) {
          const bool gone = facts.Is(Errc::kNotFound);  // deleted meanwhile
          const bool broken = facts.Is(Errc::kCorruption) || facts.Is(Errc::kInvalidArgument);
          if (broken) NoteBroken(facts.error(), &listing);
          return gone || broken ? Status() : facts.error();
        }
        if (store && !Same(facts->store, *store)) return {};
        listing.snapshots.push_back({refs[index], facts->store, facts->origin, facts->time,
                                     facts->bytes, facts->new_bytes, facts->records, std::nullopt});
        return {};
      }));
  std::sort(listing.snapshots.begin(), listing.snapshots.end(),
            [](const FoundSnapshot& a, const FoundSnapshot& b) {
              return std::tie(b.time, b.ref.uid) < std::tie(a.time, a.ref.uid);
            });
  return listing;
}

namespace {

// By the object's own time, which is that of the commit; sequences go back at a restore.
bool IsOlder(const SnapshotRef& a, const SnapshotRef& b) {
  return std::tie(a.modified, a.sequence) < std::tie(b.modified, b.sequence);
}

std::optional<SnapshotRef> NewestOf(const std::vector<SnapshotRef>& refs) {
  const auto newest = std::max_element(refs.begin(), refs.end(), IsOlder);
  return newest == refs.end() ? std::nullopt : std::optional(*newest);
}

}  // namespace

// One manifest of each chain tells the chain's name.
Result<std::optional<SnapshotRef>> SnapshotFinder::NewestOfName(Repository& repository,
                                                                const StoreName& store,
                                                                SteadyTime deadline) {
  std::map<std::pair<Uuid, Uuid>, std::vector<SnapshotRef>> chains;
  for (SnapshotRef& ref : TRY(repository.List(Uuid(), Uuid(), deadline))) {
    chains[{ref.owner, ref.store}].push_back(std::move(ref));
  }
  std::vector<SnapshotRef> of_name;
  for (const auto& [id, refs] : chains) {
    const SnapshotRef newest = *NewestOf(refs);
    const Result<Facts> facts = Read(repository, newest, deadline);
    if (facts.ok() && Same(facts->store, store)) of_name.push_back(newest);
  }
  return NewestOf(of_name);
}

Result<std::optional<Manifest>> SnapshotFinder::FindParent(Repository& repository,
                                                           const StoreName& store,
                                                           const Uuid& owner, const Uuid& chain,
                                                           SteadyTime deadline) {
  std::optional<SnapshotRef> newest = NewestOf(TRY(repository.List(owner, chain, deadline)));
  if (!newest) newest = TRY(NewestOfName(repository, store, deadline));
  if (!newest) return std::optional<Manifest>();
  FoundSnapshot found;
  found.ref = *newest;
  TRY(ReadVerification(repository, found, deadline));
  if (found.unsound()) return std::optional<Manifest>();
  Result<Manifest> manifest = repository.ReadManifest(newest->key, deadline);
  const bool useless = manifest.Is(Errc::kNotFound) || manifest.Is(Errc::kCorruption) ||
                       manifest.Is(Errc::kInvalidArgument);
  if (useless) return std::optional<Manifest>();
  return std::optional(TRY(std::move(manifest)));
}

Result<SnapshotRef> SnapshotFinder::Find(Repository& repository, const Uuid& uid,
                                         SteadyTime deadline) {
  for (SnapshotRef& ref : TRY(repository.List(Uuid(), Uuid(), deadline))) {
    if (ref.uid == uid) return std::move(ref);
  }
  return NotFound(
      "there is no snapshot " + uid.ToString() + " in " + repository.objects().Describe(),
      "`pannierctl snapshot list` shows what there is");
}

Status SnapshotFinder::ReadVerification(Repository& repository, FoundSnapshot& snapshot,
                                        SteadyTime deadline) {
  if (!snapshot.ref.has_verification) return {};
  Result<repository::Verification> read = repository.ReadVerification(snapshot.ref, deadline);
  // One that cannot be understood says nothing.
  if (read.Is(Errc::kNotFound) || read.Is(Errc::kCorruption)) return {};
  snapshot.verification = TRY(std::move(read));
  return {};
}

Result<FoundSnapshot> SnapshotFinder::Choose(Repository& repository, const StoreName& store,
                                             const Uuid& owner, bool owner_given,
                                             const Wanted& wanted, SteadyTime deadline) {
  Listing listing = TRY(
      List(repository, wanted.snapshot ? std::nullopt : std::optional(store), Uuid(), deadline));
  std::erase_if(listing.snapshots, [&](const auto& each) { return !Fits(each, wanted); });
  if (!wanted.snapshot) TRY(KeepOneOwner(listing.snapshots, owner, owner_given));
  uint64_t unsound = 0;
  for (FoundSnapshot& snapshot : listing.snapshots) {
    TRY(ReadVerification(repository, snapshot, deadline));
    if (!snapshot.unsound()) return std::move(snapshot);
    if (wanted.snapshot) {
      return Corruption("snapshot " + snapshot.ref.uid.ToString() +
                            " was found unsound: " + snapshot.verification->message,
                        "verify it again, or choose another one");
    }
    ++unsound;
  }
  std::string what = "there is no snapshot" + Describe(wanted) + " of " + ToString(store) + " in " +
                     repository.objects().Describe();
  if (unsound > 0) what += " but " + std::to_string(unsound) + " found unsound";
  return NotFound(what, "`pannierctl snapshot list` shows what there is");
}

Result<SnapshotFinder::ForGaps> SnapshotFinder::ChooseForGaps(Repository& repository,
                                                              const StoreName& store,
                                                              const Uuid& owner,
                                                              SteadyTime deadline) {
  const std::string place = repository.objects().Describe();
  Listing listing = TRY(List(repository, store, Uuid(), deadline));
  const uint64_t all = listing.snapshots.size();
  std::optional<FoundSnapshot> others_newest;
  std::set<Uuid> others;
  for (FoundSnapshot& snapshot : listing.snapshots) {
    if (others.contains(snapshot.ref.owner)) continue;  // its newest sound one is known
    TRY(ReadVerification(repository, snapshot, deadline));
    if (!snapshot.sound()) continue;
    if (snapshot.ref.owner == owner) return ForGaps{std::move(snapshot), {}};
    others.insert(snapshot.ref.owner);
    if (!others_newest) others_newest = std::move(snapshot);
  }
  const std::string unused = "no snapshot in " + place + " was used: ";
  if (all == 0) return ForGaps{{}, unused + "there is none of " + ToString(store)};
  if (others.empty()) return ForGaps{{}, unused + "none was found sound"};
  if (others.size() > 1) {
    return ForGaps{{}, unused + "several owners have snapshots of " + ToString(store)};
  }
  std::string message = "gaps are filled from snapshot " + others_newest->ref.uid.ToString() +
                        " of owner " + others.begin()->ToString() +
                        ": this instance has no sound one of its own";
  return ForGaps{std::move(others_newest), std::move(message)};
}

namespace {

// Who names what is to be there does not mean less.
Status KeepNamed(const std::vector<std::string>& manifests, SnapshotFinder::Listing* listing) {
  std::set<std::string> missing(manifests.begin(), manifests.end());
  std::vector<FoundSnapshot> kept;
  for (FoundSnapshot& each : listing->snapshots) {
    if (missing.erase(each.ref.key) > 0) kept.push_back(std::move(each));
  }
  listing->snapshots = std::move(kept);
  if (missing.empty()) return {};
  return NotFound("the manifest " + *missing.begin() + " is missing, or cannot be read",
                  "name another snapshot of that store");
}

Status CheckNoneIsMissing(const std::vector<FoundSnapshot>& named,
                          const std::map<std::string, FoundSnapshot>& chosen) {
  for (const FoundSnapshot& each : named) {
    if (chosen.contains(ToString(each.store))) continue;
    return Corruption("snapshot " + each.ref.uid.ToString() + " of " + ToString(each.store) +
                          " was found unsound, and no other of it is named",
                      "verify it again, or name another one");
  }
  return {};
}

}  // namespace

Result<std::vector<FoundSnapshot>> SnapshotFinder::ChooseAll(
    Repository& repository, const Uuid& owner, const std::vector<std::string>* manifests,
    SteadyTime deadline) {
  std::map<std::string, FoundSnapshot> newest;
  Listing listing = TRY(List(repository, std::nullopt, owner, deadline));
  if (manifests != nullptr) TRY(KeepNamed(*manifests, &listing));
  for (FoundSnapshot& snapshot : listing.snapshots) {
    const std::string name = ToString(snapshot.store);
    if (newest.contains(name)) continue;
    TRY(ReadVerification(repository, snapshot, deadline));
    if (!snapshot.unsound()) newest.emplace(name, snapshot);
  }
  if (manifests != nullptr) TRY(CheckNoneIsMissing(listing.snapshots, newest));
  std::vector<FoundSnapshot> chosen;
  chosen.reserve(newest.size());
  for (auto& [name, snapshot] : newest) chosen.push_back(std::move(snapshot));
  return chosen;
}

}  // namespace pannier::operations
