#include "daemon/operations/scrubber.h"

#include <array>
#include <memory>
#include <thread>

#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "daemon/store/fork.h"
#include "daemon/store/store_check.h"
#include "lib/core/time_text.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

constexpr uint64_t kMemoryBytesMax = 64ull << 20;
constexpr auto kNap = std::chrono::milliseconds(50);

std::string NameOf(const store::StoreInfo& info) {
  return ToString({info.database.tenant, info.database.name});
}

}  // namespace

// "scrub" and zeros: no random UUID is like it.
const Uuid kScrubOperation(std::array<uint8_t, 16>{'s', 'c', 'r', 'u', 'b'});

Scrubber::Scrubber(Services& services, ScrubOptions options, std::function<bool()> may_go_on)
    : services_(services), options_(std::move(options)), may_go_on_(std::move(may_go_on)) {
  Recall();
}

// A file that cannot be read is as none: all stores are due.
void Scrubber::Recall() {
  const Result<std::string> text =
      file::ReadFile(services_.files, options_.memory, kMemoryBytesMax);
  if (!text.ok()) return;
  const Result<json> tree = pannier::json::ParseCold(*text);
  if (!tree.ok() || !tree->is_object()) return;
  for (const auto& [name, time] : tree->items()) {
    if (!time.is_string()) continue;
    if (const auto looked = ParseTime(time.get<std::string>())) looked_[name] = *looked;
  }
}

Status Scrubber::Remember() {
  json tree = json::object();
  for (const auto& [name, time] : looked_) tree[name] = FormatTime(time);
  return file::ReplaceFile(services_.files, options_.memory, pannier::json::Dump(tree) + "\n");
}

// Of the stores that are not open. Also forgets those that are gone.
std::optional<store::StoreInfo> Scrubber::Due() {
  const auto stores = services_.stores.List();
  if (!stores.ok()) return std::nullopt;
  std::map<std::string, WallTime> looked;
  std::optional<store::StoreInfo> due;
  WallTime due_since = services_.clock.Now() - options_.every;
  for (const store::StoreInfo& info : *stores) {
    const auto known = looked_.find(NameOf(info));
    const WallTime time = known == looked_.end() ? WallTime() : known->second;
    if (known != looked_.end()) looked.insert(*known);
    if (info.open || info.damaged || time > due_since) continue;
    due = info;
    due_since = time;
  }
  looked_ = std::move(looked);
  return due;
}

store::Progress Scrubber::Paced() {
  const auto began = std::make_shared<SteadyTime>(services_.clock.Steady());
  return [this, began](uint64_t done, uint64_t) {
    const auto due = *began + std::chrono::milliseconds(done * 1'000 / options_.bytes_per_second);
    while (services_.clock.Steady() < due && may_go_on_()) std::this_thread::sleep_for(kNap);
    return may_go_on_();
  };
}

Result<bool> Scrubber::Check(const store::StoreInfo& info) {
  const StoreName name{info.database.tenant, info.database.name};
  TRY(CheckRoom(services_, info.bytes_on_disk));
  const Staging staging = TRY(Staging::Make(services_, kScrubOperation));
  const std::string folder = TRY(staging.MakeFolder("store"));
  {
    const store::StoreRef open = TRY(Acquire(services_, name));
    TRY(store::CopyStore(*open, folder, services_.files,
                         {services_.clock.Steady() + std::chrono::hours(24)}, Paced()));
  }
  [[maybe_unused]] const auto closed = services_.stores.Close(name.tenant, name.database);
  const store::CheckReport report = TRY(store::CheckStoreFile(
      folder, store::CheckLevel::kFull, services_.settings.store.sqlite_vfs, Paced()));
  services_.metrics.OnScrub(report.bytes);
  services_.metrics.OnStoreCheck(report.sound);
  if (report.sound) return true;
  TRY(services_.stores.MarkDamaged(name.tenant, name.database,
                                   report.damage.empty() ? "damaged" : report.damage.front().what));
  return false;
}

Result<std::optional<Scrubber::Checked>> Scrubber::Step() {
  if (options_.bytes_per_second == 0 || !may_go_on_()) return std::optional<Checked>();
  const std::optional<store::StoreInfo> due = Due();
  if (!due) return std::optional<Checked>();
  Result<bool> sound = Check(*due);
  // Deleted meanwhile, or somebody needs the store: another time.
  if (sound.Is(Errc::kNotFound) || sound.Is(Errc::kDeadlineExceeded)) {
    return std::optional<Checked>();
  }
  // Damage that prevents even the copy has been noted by who met it.
  if (sound.Is(Errc::kCorruption)) sound = false;
  const bool found = TRY(std::move(sound));
  looked_[NameOf(*due)] = services_.clock.Now();
  TRY(Remember());
  return std::optional(Checked{{due->database.tenant, due->database.name}, found});
}

}  // namespace pannier::operations
