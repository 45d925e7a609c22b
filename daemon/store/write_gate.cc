#include "daemon/store/write_gate.h"

#include <algorithm>
#include <utility>

namespace pannier::store {
namespace {

constexpr uint64_t kProbeBytes = 256 << 10;
// What must be free before a disk that was full counts as having room; of a small one less.
constexpr uint64_t kRoomBytes = 4 << 20;
constexpr uint64_t kTotalPerRoom = 16;

constexpr char kNothingAcknowledged[] = "the write was not acknowledged";
constexpr char kByThemselves[] = "; writes then go on by themselves, within a second or two";

bool MayBeTheDisk(Errc code) {
  return code == Errc::kStorageFull || code == Errc::kUnavailable ||
         code == Errc::kPermissionDenied;
}

GateState Full(const std::string& what, WallTime since) {
  return {GateCause::kDiskFull, "the disk, or its quota, is full (" + what + ")",
          std::string("make room on the disk, or delete records or collections, which still "
                      "works") +
              kByThemselves,
          since};
}

GateState ReadOnly(const std::string& what, WallTime since) {
  return {GateCause::kReadOnlyDisk, "the file system has become read-only (" + what + ")",
          std::string("the kernel's log says why; mount it writable again") + kByThemselves, since};
}

GateState Failing(const std::string& what, WallTime since) {
  return {GateCause::kIoFailed, "the disk fails writes (" + what + ")",
          std::string("look at the volume and at the kernel's log") + kByThemselves, since};
}

Error RefusalOf(const GateState& state) {
  const Errc code = state.cause == GateCause::kDiskFull ? Errc::kStorageFull : Errc::kUnavailable;
  return {code, "read-only: " + state.reason + "; nothing was written", state.action};
}

}  // namespace

WriteGate::WriteGate(Options options, file::FileSystem& files, const Clock& clock)
    : options_(std::move(options)), files_(files), clock_(clock) {}

GateState WriteGate::Effective() const { return trouble_.is_closed() ? trouble_ : wish_; }

GateState WriteGate::state() const {
  if (is_open()) return {};
  MutexLock lock(mutex_);
  return Effective();
}

Status WriteGate::Check(bool frees_space) {
  if (is_open()) return {};
  LookAgain();
  const GateState now = state();
  if (!now.is_closed()) return {};
  if (frees_space && now.cause == GateCause::kDiskFull) {
    MutexLock lock(mutex_);
    if (!wish_.is_closed()) return {};
  }
  return RefusalOf(now);
}

Error WriteGate::OnFailure(Error error) {
  if (!MayBeTheDisk(error.code)) return error;
  if (look_mutex_.TryLock()) {
    if (IsDue()) Look();
    look_mutex_.Unlock();
  }
  const GateState now = state();
  if (now.is_closed()) return {RefusalOf(now).code, std::move(error.what), now.action};
  if (error.hint.empty()) {
    error.hint = std::string(kNothingAcknowledged) +
                 "; the disk takes other writes: try again, and if this store goes on failing, "
                 "`pannierctl store verify` looks at its file";
  }
  return error;
}

void WriteGate::LookAgain() {
  {
    MutexLock lock(mutex_);
    if (!trouble_.is_closed()) return;
  }
  if (!look_mutex_.TryLock()) return;
  if (IsDue()) Look();
  look_mutex_.Unlock();
}

bool WriteGate::IsDue() const {
  return !looked_ || clock_.Steady() - *looked_ >= options_.look_every;
}

void WriteGate::Look() {
  looked_ = clock_.Steady();
  bool was_full = false;
  {
    MutexLock lock(mutex_);
    was_full = trouble_.cause == GateCause::kDiskFull;
  }
  SetTrouble(Probe(was_full));
  looked_ = clock_.Steady();  // one that took long is no reason to begin the next at once
}

GateState WriteGate::Probe(bool was_full) {
  const WallTime now = clock_.Now();
  const Status written = WriteProbe();
  const Result<file::Space> space = files_.FreeSpace(options_.probe.parent_path());
  if (written.ok()) {
    if (!was_full || !space.ok()) return {};
    const uint64_t room = std::min(kRoomBytes, space->total_bytes / kTotalPerRoom);
    const uint64_t aside = options_.missing_reserve ? options_.missing_reserve() : 0;
    if (space->free_bytes >= room + aside) return {};
    return Full(std::to_string(space->free_bytes >> 10) + " KiB are free, of at least " +
                    std::to_string((room + aside) >> 10),
                now);
  }
  const std::string& what = written.error().what;
  if (written.Is(Errc::kStorageFull)) return Full(what, now);
  if (space.ok() && space->read_only) return ReadOnly(what, now);
  // Out of descriptors is no matter of the disk.
  return MayBeTheDisk(written.error().code) ? Failing(what, now) : GateState();
}

Status WriteGate::WriteProbe() {
  const auto write = [this]() -> Status {
    const auto file = TRY(files_.Open(options_.probe, file::OpenMode::kCreate));
    const std::string zeros(kProbeBytes, '\0');
    TRY(file->WriteAt(0, zeros));
    return file->Sync();
  };
  Status written = write();
  const Status removed = files_.Remove(options_.probe);
  return written.ok() ? removed : written;
}

void WriteGate::SetTrouble(GateState found) {
  GateState now;
  {
    MutexLock lock(mutex_);
    if (found.cause == trouble_.cause) return;  // the first sentence stands, and its time
    trouble_ = std::move(found);
    now = Effective();
    closed_.store(now.is_closed(), std::memory_order_release);
  }
  if (options_.told) options_.told(now);
}

void WriteGate::Wish(std::optional<std::string> reason) {
  GateState now;
  {
    MutexLock lock(mutex_);
    const GateCause before = Effective().cause;
    wish_ = {};
    if (reason) {
      wish_ = {GateCause::kWish,
               "writes were switched off" + (reason->empty() ? "" : ": " + *reason),
               "`pannierctl mode normal` switches them on again", clock_.Now()};
    }
    now = Effective();
    closed_.store(now.is_closed(), std::memory_order_release);
    if (now.cause == before && now.cause != GateCause::kWish) return;
  }
  if (options_.told) options_.told(now);
}

}  // namespace pannier::store
