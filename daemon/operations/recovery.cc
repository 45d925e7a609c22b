#include "daemon/operations/recovery.h"

#include <pthread.h>

#include "daemon/operations/members.h"
#include "lib/core/log.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

constexpr auto kGlance = std::chrono::seconds(5);
constexpr auto kScrubPause = std::chrono::minutes(1);
// After a start stores are opened and caches loaded; what nobody reads can wait.
constexpr auto kScrubAfterStart = std::chrono::minutes(10);
constexpr size_t kFoundMax = 1'024;  // not yet looked at; what is beyond is in the catalog
constexpr char kRunbook[] = "docs/runbooks/damage.md";

}  // namespace

DamagePolicy::Decision DamagePolicy::OnDamage(const std::string& store, SteadyTime now) {
  damaged_[store] = now;
  std::erase_if(damaged_, [&](const auto& each) { return now - each.second > kMassWindow; });
  if (stopped_) return Decision::kStopped;
  if (damaged_.size() >= kMassStores) {
    stopped_ = true;
    return Decision::kStop;
  }
  std::erase_if(tried_, [&](const auto& each) { return now - each.second > kTryAgain; });
  return tried_.emplace(store, now).second ? Decision::kSalvage : Decision::kNothing;
}

Recovery::Recovery(Services& services, Executor& executor, RecoveryOptions options)
    : services_(services),
      executor_(executor),
      options_(std::move(options)),
      scrubber_(services, options_.scrub, [this] { return MayScrub(); }) {}

Recovery::~Recovery() { Stop(); }

void Recovery::Start() {
  thread_ = std::jthread([this] {
    pthread_setname_np(pthread_self(), "recovery");
    Loop();
  });
}

void Recovery::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Recovery::OnDamage(const StoreName& store, const std::string& what) {
  MutexLock lock(mutex_);
  if (found_.size() >= kFoundMax) return;
  found_.push_back({store, what});
  changed_.NotifyAll();
}

bool Recovery::MayScrub() const {
  {
    MutexLock lock(mutex_);
    if (stopping_ || !found_.empty()) return false;
  }
  return executor_.running() == 0 && executor_.waiting() == 0;
}

void Recovery::Loop() {
  TakeUpKnown();
  next_scrub_ = services_.clock.Steady() + kScrubAfterStart;
  while (true) {
    std::deque<Found> found;
    {
      MutexLock lock(mutex_);
      if (!stopping_ && found_.empty()) changed_.WaitFor(mutex_, kGlance);
      if (stopping_) return;
      found.swap(found_);
    }
    for (const Found& each : found) Handle(each);
    // A disk that is bad is not to be read more than must be.
    if (!found.empty() || policy_.stopped() || services_.clock.Steady() < next_scrub_) continue;
    const auto checked = scrubber_.Step();
    if (!checked.ok()) LogWarn("a scrub failed").Add("error", checked.error().what);
    // Looking at all stores costs a little: not at every glance, when none is due.
    if (!checked.ok() || !*checked) next_scrub_ = services_.clock.Steady() + kScrubPause;
  }
}

// What a former process met is not told again.
void Recovery::TakeUpKnown() {
  if (services_.stores.stats().stores_damaged == 0) return;
  const auto stores = services_.stores.List();
  if (!stores.ok()) return;
  for (const store::StoreInfo& info : *stores) {
    if (info.damaged) OnDamage({info.database.tenant, info.database.name}, info.damage);
  }
}

void Recovery::Handle(const Found& found) {
  const std::string name = ToString(found.store);
  services_.events.Warning(
      "StoreDamaged", name, "damage was found: " + found.what,
      options_.automatic ? "it is salvaged by itself unless an event says otherwise"
                         : std::string("salvage the store or restore a snapshot: ") + kRunbook);
  switch (policy_.OnDamage(name, services_.clock.Steady())) {
    case DamagePolicy::Decision::kSalvage:
      if (options_.automatic) Salvage(found.store);
      break;
    case DamagePolicy::Decision::kStop:
      SayStopped();
      break;
    case DamagePolicy::Decision::kNothing:
    case DamagePolicy::Decision::kStopped:
      break;
  }
}

void Recovery::Salvage(const StoreName& store) {
  nlohmann::json body = {{"action", "salvage"}, {"automatic", true}};
  body["store"] = {{"tenant", store.tenant}, {"database", store.database}};
  if (!options_.repository.empty()) body["repository"] = options_.repository;
  const Uuid uid = Uuid::Random();
  const auto submitted = executor_.SubmitOurs(uid, json::Dump(body));
  if (submitted.ok()) {
    submitted_.push_back(uid);
    services_.events.Normal("SalvageBegun", ToString(store), "operation " + uid.ToString());
    return;
  }
  services_.events.Warning("SalvageRefused", ToString(store), submitted.error().what, kRunbook);
}

void Recovery::SayStopped() {
  services_.events.Warning(
      "MassCorruption", "",
      std::to_string(DamagePolicy::kMassStores) +
          " stores were found damaged within minutes: the disk is to be suspected, and nothing is "
          "repaired by itself any more",
      std::string(
          "check the volume and the machine's memory; move to another volume and restore, or, "
          "once the cause is gone, salvage or restore these stores by hand: ") +
          kRunbook);
  for (const Uuid& uid : submitted_) {
    const Status cancelled = executor_.Cancel(uid);
    if (!cancelled.ok() && !cancelled.Is(Errc::kNotFound)) {
      LogWarn("an automatic salvage was not cancelled").Add("error", cancelled.error().what);
    }
  }
  submitted_.clear();
}

}  // namespace pannier::operations
