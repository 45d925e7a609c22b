#include "operator/repositories/s3_probe.h"

#include <algorithm>

#include "lib/repository/repository.h"

namespace pannier::control {
namespace {

using repository::ObjectStore;
using repository::S3Contact;

constexpr std::string_view kFolder = "probe/";
constexpr size_t kProbeBytesMax = 256;
constexpr std::chrono::hours kLeftOver(1);  // no probe takes so long
constexpr int kRemovedMax = 100;
constexpr std::chrono::seconds kSkewMax(300);  // beyond it servers refuse, or will soon

std::string TextOf(const Error& error) {
  return error.what + (error.hint.empty() ? "" : "; " + error.hint);
}

void Fail(ProbeFault fault, std::string message, RepositoryProbe* probe) {
  probe->fault = fault;
  probe->message = SteadyText(std::move(message));
}

bool IsSkewed(const RepositoryProbe& probe) {
  return probe.clock_skew && std::chrono::abs(*probe.clock_skew) > kSkewMax;
}

// False: that was all that can be learnt.
bool TakeContact(S3Contact contact, RepositoryProbe* probe) {
  using Outcome = S3Contact::Outcome;
  probe->clock_skew = contact.clock_skew;
  switch (contact.outcome) {
    case Outcome::kReached:
      return true;
    case Outcome::kRefused:
      // With a wrong clock nothing else can be told from a refusal.
      if (!IsSkewed(*probe)) Fail(ProbeFault::kAccessDenied, std::move(contact.message), probe);
      return false;
    case Outcome::kNoBucket:
      Fail(ProbeFault::kNotFound, std::move(contact.message), probe);
      return false;
    case Outcome::kUntrusted:
      Fail(ProbeFault::kTlsInvalid, std::move(contact.message), probe);
      return false;
    case Outcome::kUnreachable:
      break;
  }
  Fail(ProbeFault::kUnreachable, std::move(contact.message), probe);
  return false;
}

void ReadIdentity(ObjectStore& store, const Clock& clock, SteadyTime deadline,
                  RepositoryProbe* probe) {
  const auto opened = repository::Repository::Open(store, clock, std::nullopt, deadline);
  if (opened.ok()) {
    probe->identity = (*opened)->id().ToString();
    return;
  }
  const Error& error = opened.error();
  switch (error.code) {
    case Errc::kNotFound:
      probe->empty = true;
      return;
    case Errc::kConflict:
    case Errc::kCorruption:
    case Errc::kInvalidArgument:
      probe->message = TextOf(error);  // something is there, and it is no repository that we know
      return;
    case Errc::kPermissionDenied:
      return Fail(ProbeFault::kAccessDenied, TextOf(error), probe);
    default:
      return Fail(ProbeFault::kUnreachable, TextOf(error), probe);
  }
}

// Writes, reads and deletes an object of a name that nobody else has.
class WriteProbe {
 public:
  WriteProbe(ObjectStore& store, const Clock& clock, SteadyTime deadline, RepositoryProbe* probe)
      : store_(store), clock_(clock), deadline_(deadline), probe_(probe) {}

  void Run() {
    const Status done = Write();
    const Status removed = store_.Delete(key_, deadline_);  // also after a write that looked lost
    Judge(done.ok() ? removed : done);
    if (removed.ok()) Judge(RemoveLeftOvers());
  }

 private:
  Status Write() {
    const std::string text = "written to see whether it can be\n";
    TRY(store_.Put(key_, text, ObjectStore::IfPresent::kFail, deadline_));
    const std::string read = TRY(store_.Get(key_, kProbeBytesMax, deadline_));
    if (read != text) return Unavailable("what was written is not what is read");
    Status again = store_.Put(key_, "and not replaced\n", ObjectStore::IfPresent::kFail, deadline_);
    if (again.Is(Errc::kConflict)) probe_->capabilities.emplace_back("ConditionalWrites");
    if (again.ok() || again.Is(Errc::kConflict)) return {};
    return again;
  }

  // Of probes that were cut short.
  Status RemoveLeftOvers() {
    const WallTime now = clock_.Now() + probe_->clock_skew.value_or(std::chrono::seconds(0));
    int removed = 0;
    for (const auto& object : TRY(store_.List(std::string(kFolder), "", deadline_)).objects) {
      const bool is_ours =
          Uuid::Parse(std::string_view(object.key).substr(kFolder.size())).has_value();
      if (!is_ours || now - object.modified < kLeftOver) continue;
      if (++removed > kRemovedMax) break;
      TRY(store_.Delete(object.key, deadline_));
    }
    return {};
  }

  void Judge(const Status& done) {
    if (done.ok() || probe_->fault != ProbeFault::kNone) return;
    switch (done.error().code) {
      case Errc::kPermissionDenied:
        probe_->write_denied = true;
        probe_->message = SteadyText(TextOf(done.error()), key_);
        return;
      case Errc::kStorageFull:    // reads and deletions work, and the latter are the remedy
      case Errc::kUnimplemented:  // of a condition: a capability that is not there
        probe_->message = SteadyText(TextOf(done.error()), key_);
        return;
      default:
        Fail(ProbeFault::kUnreachable, SteadyText(TextOf(done.error()), key_), probe_);
    }
  }

  ObjectStore& store_;
  const Clock& clock_;
  const SteadyTime deadline_;
  RepositoryProbe* const probe_;
  const std::string key_ = std::string(kFolder) + Uuid::Random().ToString();
};

}  // namespace

std::string SteadyText(std::string text, std::string_view key) {
  for (size_t at = text.find(key); !key.empty() && at != std::string::npos; at = text.find(key)) {
    text.replace(at, key.size(), "probe");
  }
  constexpr std::string_view kAfter = " after ", kDigits = "0123456789";
  for (size_t at = text.find(kAfter); at != std::string::npos; at = text.find(kAfter, at)) {
    const size_t number = at + kAfter.size();
    const size_t end = std::min(text.find_first_not_of(kDigits, number), text.size());
    const std::string_view unit = std::string_view(text).substr(end);
    const size_t unit_size = unit.starts_with(" milliseconds") ? 13
                             : unit.starts_with(" ms")         ? 3
                                                               : 0;
    if (end == number || unit_size == 0) {
      at = number;
    } else {
      text.erase(at, end + unit_size - at);
    }
  }
  return text;
}

RepositoryProbe ProbeOf(const Error& error) {
  RepositoryProbe probe;
  const ProbeFault fault = error.code == Errc::kNotFound           ? ProbeFault::kSecretMissing
                           : error.code == Errc::kPermissionDenied ? ProbeFault::kTlsInvalid
                                                                   : ProbeFault::kUnreachable;
  Fail(fault, TextOf(error), &probe);
  return probe;
}

RepositoryProbe ProbeS3(const SnapshotRepository& repository, repository::S3Store& store,
                        const Clock& clock, SteadyTime deadline) {
  RepositoryProbe probe;
  if (!TakeContact(store.Contact(deadline), &probe)) return probe;
  ReadIdentity(store, clock, deadline, &probe);
  const std::string& known = repository.status.repository_id;
  const bool is_ours = probe.identity && (known.empty() || *probe.identity == known);
  const bool may_write = repository.spec.access == AccessMode::kReadWrite;
  if (is_ours && may_write && !IsSkewed(probe)) WriteProbe(store, clock, deadline, &probe).Run();
  return probe;
}

}  // namespace pannier::control
