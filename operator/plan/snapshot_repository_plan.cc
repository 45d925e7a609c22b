#include "operator/plan/snapshot_repository_plan.h"

#include "operator/cron/cron.h"
#include "operator/plan/grants.h"
#include "operator/resource/names.h"

namespace pannier::control {
namespace {

using std::chrono::seconds;

constexpr seconds kSkewMax{300};
constexpr seconds kHour{3600};
constexpr seconds kPoll{10};
constexpr seconds kPollGrants{2};  // each look lists the repository
constexpr seconds kVerifyMax{6 * 3600};
constexpr seconds kAmissLook{30};

struct Verdict {
  Truth ready = Truth::kFalse;
  const char* reason = "";
  std::string message;
};

Verdict FaultVerdict(const RepositoryProbe& probe) {
  switch (probe.fault) {
    case ProbeFault::kSecretMissing:
      return {Truth::kFalse, "AccessDenied", "credentials: " + probe.message};
    case ProbeFault::kAccessDenied:
      return {Truth::kFalse, "AccessDenied", probe.message};
    case ProbeFault::kNotFound:
      return {Truth::kFalse, "NotFound", probe.message};
    case ProbeFault::kTlsInvalid:
      return {Truth::kFalse, "TLSInvalid", probe.message};
    case ProbeFault::kUnreachable:
    case ProbeFault::kNone:
      break;
  }
  return {Truth::kUnknown, "Unreachable", probe.message};
}

std::optional<Cron> DeepVerifyCron(const SnapshotRepository& repository) {
  const SnapshotRepositorySpec& spec = repository.spec;
  if (spec.deep_verify_schedule.empty()) return std::nullopt;
  Result<Cron> cron = Cron::Parse(spec.deep_verify_schedule, spec.time_zone, repository.meta.uid);
  return cron.ok() ? std::optional(*std::move(cron)) : std::nullopt;
}

class Planner {
 public:
  Planner(const SnapshotRepository& repository, const RepositoryObserved& seen, WallTime now)
      : repository_(repository), seen_(seen), now_(now) {
    plan_.status = repository.status;
  }

  RepositoryPlan Run() {
    plan_.status.type = repository_.spec.s3 ? "S3" : "Volume";
    if (seen_.probe) TakeProbe(*seen_.probe);
    if (IsTrue(plan_.status.conditions, "Ready")) VerifyDeeply();
    plan_.LookAt(now_ + seconds(repository_.spec.validation_interval_seconds));
    // What is amiss may be mended soon.
    if (!IsTrue(plan_.status.conditions, "Ready")) plan_.LookAt(now_ + kAmissLook);
    return std::move(plan_);
  }

 private:
  bool IsReadOnly() const { return repository_.spec.access == AccessMode::kReadOnly; }

  Verdict Judge(const RepositoryProbe& probe) {
    const std::string& known = plan_.status.repository_id;
    if (probe.fault != ProbeFault::kNone) return FaultVerdict(probe);
    if (probe.clock_skew && (*probe.clock_skew > kSkewMax || *probe.clock_skew < -kSkewMax)) {
      return {Truth::kFalse, "ClockSkewed",
              "the server's clock differs by " + std::to_string(probe.clock_skew->count()) + " s"};
    }
    if (probe.identity && (known.empty() || *probe.identity == known)) {
      if (probe.write_denied && !IsReadOnly()) {
        return {Truth::kFalse, "ReadOnly",
                "it can be read, but writing is refused" +
                    (probe.message.empty() ? "" : ": " + probe.message)};
      }
      return {Truth::kTrue, IsReadOnly() ? "ReadOnly" : "Validated", ""};
    }
    if (probe.identity) {
      return {Truth::kFalse, "IdentityMismatch",
              "it is repository " + *probe.identity + ", and was " + known +
                  "; nothing is restored from it or deleted in it"};
    }
    if (!known.empty()) {
      return {Truth::kFalse, "IdentityMismatch",
              "it was repository " + known + " and has no identity now; nothing is deleted"};
    }
    if (!probe.empty) {
      return {Truth::kFalse, "IdentityMismatch",
              probe.message.empty() ? "it holds things that are no repository's" : probe.message};
    }
    if (IsReadOnly()) return {Truth::kFalse, "NotFound", "it is empty, and ReadOnly"};
    plan_.make_identity = true;
    plan_.LookAt(now_);
    return {Truth::kUnknown, "Initialising", "it is empty; it becomes ours"};
  }

  void TakeProbe(const RepositoryProbe& probe) {
    SnapshotRepositoryStatus& status = plan_.status;
    const Verdict verdict = Judge(probe);
    const SnapshotRepositoryStatus before = status;
    Set(&status.conditions,
        {"Ready", verdict.ready, verdict.reason, verdict.message, repository_.meta.generation},
        now_);
    if (verdict.ready == Truth::kTrue) {
      status.repository_id = *probe.identity;
      status.capabilities = probe.capabilities;
      if (seen_.listing) TakeListing(*seen_.listing);
    }
    const std::string was = ReasonOf(before.conditions, "Ready");
    if (was != verdict.reason && verdict.ready == Truth::kFalse) {
      plan_.Warn(verdict.reason, verdict.message);
    } else if (was != verdict.reason && verdict.ready == Truth::kTrue) {
      plan_.Tell(verdict.reason, "repository " + status.repository_id);
    }
    // Nothing else being new, the time alone is worth a write each hour.
    if (!SameMeaning(before, status) || !status.last_validation ||
        now_ - *status.last_validation >= kHour || now_ < *status.last_validation) {
      status.last_validation = now_;
    }
  }

  void TakeListing(const RepositoryListing& listing) {
    plan_.status.snapshots = listing.snapshots;
    plan_.status.bytes = listing.bytes;
    plan_.status.oldest = listing.oldest;
    plan_.status.newest = listing.newest;
  }

  // One daemon reads a snapshot whole, and writes down what it found: not in what is ReadOnly.
  void VerifyDeeply() {
    if (IsReadOnly()) return;
    if (const auto cron = DeepVerifyCron(repository_)) plan_.LookAt(cron->NextDue(now_));
    const std::optional<WallTime> slot = DeepVerifySlot(repository_, now_);
    if (!slot) return;
    const Uuid uid = DeepVerifyUid(repository_, *slot);
    const DaemonView* free = nullptr;
    for (const DaemonView& daemon : seen_.daemons) {
      const OperationView* operation = daemon.Operation(uid);
      if (operation != nullptr) return TakeDeepVerify(daemon, *operation);
      if (daemon.reachable && free == nullptr) free = &daemon;
    }
    plan_.LookAt(now_ + kPoll);
    if (free == nullptr || !seen_.listing || seen_.listing->chosen_uid.empty()) return;
    nlohmann::json body = {{"action", "snapshotVerify"},
                           {"snapshot", seen_.listing->chosen_uid},
                           {"timeoutSeconds", kVerifyMax.count()},
                           {"level", "Deep"}};
    NameRepository(repository_, plan_.status.repository_id, &body);
    if (repository_.spec.s3) {
      body["manifests"] = {seen_.listing->chosen_key};
      plan_.LookAt(now_ + kPollGrants);
    }
    plan_.start.push_back({free->pod_uid, uid, std::move(body)});
  }

  // It reads that snapshot and nothing else, and writes down what it found beside it.
  void GrantDeepVerify(const DaemonView& daemon, const OperationView& operation) {
    if (!repository_.spec.s3 || !seen_.listing || seen_.listing->chosen_key.empty()) return;
    GrantRule rule;
    rule.named_manifests = {seen_.listing->chosen_key};
    rule.may_judge = true;
    const Uuid uid = *Uuid::Parse(operation.uid);
    if (auto grant = GrantFor(daemon.pod_uid, uid, operation, rule)) {
      plan_.grants.push_back(*std::move(grant));
    }
    plan_.LookAt(now_ + kPollGrants);
  }

  void TakeDeepVerify(const DaemonView& daemon, const OperationView& operation) {
    if (!operation.HasEnded()) {
      plan_.LookAt(now_ + kPoll);
      return GrantDeepVerify(daemon, operation);
    }
    DeepVerifyResult result;
    result.time = now_;
    if (seen_.listing) result.snapshot = seen_.listing->chosen_uid;
    const bool known =
        operation.state == OperationState::kSucceeded && operation.result.is_object();
    const bool sound = known && operation.result.value("sound", false);
    result.result = sound ? "Sound" : known ? "Unsound" : "Unavailable";
    plan_.status.deep_verify = result;
    if (known && !sound)
      plan_.Warn("SnapshotUnsound", "a snapshot was read whole and is not sound");
  }

  const SnapshotRepository& repository_;
  const RepositoryObserved& seen_;
  const WallTime now_;
  RepositoryPlan plan_;
};

}  // namespace

void ChoiceToVerify::Consider(WallTime time, const std::string& uid, const std::string& key,
                              RepositoryListing* listing) {
  if (chosen_) {
    const bool was_there = *chosen_ <= slot_, is_there = time <= slot_;
    const bool is_better = was_there != is_there ? is_there
                           : time != *chosen_    ? (time > *chosen_) == is_there
                                                 : uid > listing->chosen_uid;
    if (!is_better) return;
  }
  chosen_ = time;
  listing->chosen_uid = uid;
  listing->chosen_key = key;
}

bool IsProbeDue(const SnapshotRepository& repository, WallTime now) {
  const Condition* ready = Find(repository.status.conditions, "Ready");
  const auto& last = repository.status.last_validation;
  if (ready == nullptr || !last || ready->status != Truth::kTrue) return true;
  if (ready->observed_generation != repository.meta.generation || now < *last) return true;
  return now - *last >= seconds(repository.spec.validation_interval_seconds);
}

Uuid DeepVerifyUid(const SnapshotRepository& repository, WallTime slot) {
  return OperationUid(
      {repository.meta.uid, "deepVerify", std::to_string(slot.time_since_epoch().count())});
}

std::optional<WallTime> DeepVerifySlot(const SnapshotRepository& repository, WallTime now) {
  const std::optional<Cron> cron = DeepVerifyCron(repository);
  if (!cron) return std::nullopt;
  WallTime last = repository.meta.created.value_or(WallTime());
  if (repository.status.deep_verify && repository.status.deep_verify->time) {
    last = std::max(last, *repository.status.deep_verify->time);
  }
  const std::optional<WallTime> slot = cron->LastDue(now);
  return slot && *slot > last ? slot : std::nullopt;
}

RepositoryPlan PlanRepository(const SnapshotRepository& repository, const RepositoryObserved& seen,
                              WallTime now) {
  return Planner(repository, seen, now).Run();
}

}  // namespace pannier::control
