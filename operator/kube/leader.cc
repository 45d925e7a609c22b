#include "operator/kube/leader.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/core/check.h"
#include "lib/core/log.h"
#include "operator/kube/micro_time.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

// What others may have written there; ours is options_.lease_duration.
constexpr int64_t kDurationMaxSeconds = 60;

int64_t NumberAt(const Json& lease, const char* name) {
  const auto spec = lease.find("spec");
  if (spec == lease.end() || !spec->is_object()) return 0;
  const auto number = spec->find(name);
  return number != spec->end() && number->is_number_integer() ? number->get<int64_t>() : 0;
}

std::string HolderOf(const Json& lease) { return TextAt(lease, "/spec/holderIdentity"); }

}  // namespace

LeaderElector::LeaderElector(Api& api, const Clock& clock, Options options, RuntimeMetrics metrics,
                             Callbacks callbacks)
    : api_(api),
      clock_(clock),
      options_(std::move(options)),
      metrics_(std::move(metrics)),
      callbacks_(std::move(callbacks)),
      jitter_(options_.seed) {
  CHECK(options_.renew_deadline < options_.lease_duration);
  CHECK(!options_.identity.empty());
  metrics_.leader.With({options_.lease.name}).Set(0);
}

LeaderElector::~LeaderElector() { Stop(); }

void LeaderElector::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

void LeaderElector::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  stopped_.NotifyAll();
  thread_.join();
  Release();
}

void LeaderElector::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    Step();
    const auto wait = options_.retry_period + jitter_.UpTo(options_.retry_period / 5);
    const auto until = std::chrono::steady_clock::now() + wait;
    MutexLock lock(mutex_);
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
      stopped_.WaitFor(mutex_, std::chrono::milliseconds(50));
    }
  }
}

std::optional<int64_t> LeaderElector::epoch() const {
  const int64_t epoch = epoch_;
  if (clock_.Steady().time_since_epoch().count() >= leads_until_ns_) return std::nullopt;
  return epoch;
}

std::string LeaderElector::holder() const {
  MutexLock lock(mutex_);
  return holder_;
}

void LeaderElector::SetHolder(std::string holder) {
  MutexLock lock(mutex_);
  holder_ = std::move(holder);
}

void LeaderElector::Step() {
  StopLeadingIfLate();  // a process that slept finds out before it asks anybody
  const SteadyTime began = clock_.Steady();
  if (leads_ && !held_.is_null()) {
    const Status renewed = Hold(std::exchange(held_, nullptr), epoch_, began);
    // Only who was overtaken has something to read; of other failures the next look learns more.
    if (!renewed.Is(Errc::kConflict) && !renewed.Is(Errc::kNotFound)) return StopLeadingIfLate();
  }
  const Result<Json> lease = api_.Get(kLeases, options_.lease);
  if (lease.ok()) {
    Consider(*lease, began);
  } else if (lease.Is(Errc::kNotFound)) {
    if (leads_) StopLeading("the lease was deleted");
    TryCreate(began);
  } else {
    Warn(lease.error(), "cannot read the lease");
  }
  StopLeadingIfLate();
}

void LeaderElector::Consider(const Json& lease, SteadyTime began) {
  const std::string holder = HolderOf(lease);
  SetHolder(holder);
  const bool is_ours = holder == options_.identity;
  if (leads_ && !is_ours) StopLeading("another took the lease");
  if (leads_) {
    (void)Hold(lease, epoch_, began);
    return;
  }
  // Not ours by this process's knowledge, even when it says so: a new epoch either way.
  if (holder.empty() || is_ours || HasExpired(lease, clock_.Steady())) {
    (void)Hold(lease, NumberAt(lease, "leaseTransitions") + 1, began);
  }
}

bool LeaderElector::HasExpired(const Json& lease, SteadyTime now) {
  const std::string version = TextAt(lease, "/metadata/resourceVersion");
  if (version != seen_version_) {
    seen_version_ = version;
    seen_at_ = now;
    return false;
  }
  const int64_t seconds =
      std::clamp<int64_t>(NumberAt(lease, "leaseDurationSeconds"), 1, kDurationMaxSeconds);
  return now - seen_at_ >= std::chrono::seconds(seconds);
}

Status LeaderElector::Hold(Json lease, int64_t epoch, SteadyTime began) {
  const std::string now = MicroTime(clock_.Now());
  Json& spec = lease["spec"];
  if (!spec.is_object()) spec = Json::object();
  spec["holderIdentity"] = options_.identity;
  spec["leaseDurationSeconds"] = options_.lease_duration.count();
  spec["renewTime"] = now;
  spec["leaseTransitions"] = epoch;
  if (!leads_) spec["acquireTime"] = now;
  lease["metadata"].erase("managedFields");
  Result<Json> stored = api_.Update(kLeases, lease);
  if (stored.ok()) {
    held_ = std::move(stored).value();
    Lead(epoch, began);
    return {};
  }
  // Somebody else was quicker, or the write may have happened: the next look tells.
  if (!stored.Is(Errc::kConflict)) Warn(stored.error(), "cannot write the lease");
  return stored.error();
}

void LeaderElector::TryCreate(SteadyTime began) {
  // The clock's seconds are a first epoch that is beyond those of a lease that was deleted.
  const int64_t epoch = clock_.Now().time_since_epoch() / std::chrono::seconds(1) % (1ll << 31);
  const std::string now = MicroTime(clock_.Now());
  const Json lease = {
      {"apiVersion", kLeases.ApiVersion()},
      {"kind", kLeases.kind},
      {"metadata", {{"namespace", options_.lease.ns}, {"name", options_.lease.name}}},
      {"spec",
       {{"holderIdentity", options_.identity},
        {"leaseDurationSeconds", options_.lease_duration.count()},
        {"acquireTime", now},
        {"renewTime", now},
        {"leaseTransitions", epoch}}}};
  Result<Json> stored = api_.Create(kLeases, lease);
  if (stored.ok()) {
    held_ = std::move(stored).value();
    return Lead(epoch, began);
  }
  if (!stored.Is(Errc::kConflict)) Warn(stored.error(), "cannot create the lease");
}

void LeaderElector::Lead(int64_t epoch, SteadyTime began) {
  epoch_ = epoch;
  leads_until_ns_ = (began + options_.renew_deadline).time_since_epoch().count();
  if (leads_) return;
  // The answer may have come too late: then the next renewal is the first that counts.
  if (clock_.Steady() >= began + options_.renew_deadline) return;
  leads_ = true;
  SetHolder(options_.identity);
  metrics_.leader.With({options_.lease.name}).Set(1);
  LogInfo("this operator leads").Add("identity", options_.identity).Add("epoch", epoch);
  if (callbacks_.on_started) callbacks_.on_started(epoch);
}

void LeaderElector::StopLeadingIfLate() {
  const int64_t now = clock_.Steady().time_since_epoch().count();
  if (leads_ && now >= leads_until_ns_) StopLeading("the lease could not be renewed in time");
}

void LeaderElector::StopLeading(std::string_view why) {
  leads_until_ns_ = 0;
  leads_ = false;
  held_ = nullptr;
  metrics_.leader.With({options_.lease.name}).Set(0);
  LogWarn("this operator does not lead any more").Add("reason", why);
  if (callbacks_.on_stopped) callbacks_.on_stopped();
}

void LeaderElector::Release() {
  if (!leads_) return;
  StopLeading("it stops");
  Result<Json> lease = api_.Get(kLeases, options_.lease);
  if (!lease.ok()) return Warn(lease.error(), "cannot give the lease back");
  if (HolderOf(*lease) != options_.identity) return;
  Json& spec = (*lease)["spec"];
  spec["holderIdentity"] = "";
  spec["leaseDurationSeconds"] = 1;
  spec["renewTime"] = MicroTime(clock_.Now());
  const Result<Json> stored = api_.Update(kLeases, *lease);
  if (!stored.ok()) Warn(stored.error(), "cannot give the lease back");
}

void LeaderElector::Warn(const Error& error, std::string_view doing) {
  static LogLimiter limiter(std::chrono::seconds(10));
  int64_t held_back = 0;
  if (!limiter.Allow(&held_back)) return;
  LogWarn(doing).Add("error", error.what).Add("hint", error.hint).Add("held_back", held_back);
}

}  // namespace pannier::kube
