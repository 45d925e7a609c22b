#include "lib/repository/garbage.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/log.h"
#include "lib/core/time_text.h"
#include "lib/crypto/sha256.h"
#include "lib/json/cold.h"
#include "lib/repository/snapshot_key.h"

namespace pannier::repository {
namespace {

constexpr std::string_view kRecords = "garbage/";
constexpr uint64_t kRecordBytesMax = 256ull << 20;
constexpr int kRecordsInGrace = 16;  // of runs more often than that not all are written down

using Second = std::chrono::sys_seconds;
// Keys that nobody names, and when each was put. Servers tell seconds, or more, as they like.
using Unreferenced = std::map<std::string, Second>;

Second SecondOf(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<crypto::Digest> ParseDigest(std::string_view hex) {
  crypto::Digest digest;
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = HexDigit(hex[2 * i]), low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return digest;
}

// The digests that manifests name; 33 bytes for each, since there may be a million.
class References {
 public:
  void Add(const contract::Manifest& manifest) {
    for (const contract::ManifestFile& file : manifest.files) {
      for (const contract::Chunk& chunk : file.chunks) {
        if (const auto digest = ParseDigest(chunk.sha256)) digests_.push_back(*digest);
      }
    }
    // Manifests of one store name mostly the same; doubling bounds the memory and the sorting.
    if (digests_.size() > 2 * settled_) Settle();
  }
  void Settle() {
    std::sort(digests_.begin(), digests_.end());
    digests_.erase(std::unique(digests_.begin(), digests_.end()), digests_.end());
    settled_ = std::max<size_t>(digests_.size(), 10'000);
    seen_.assign(digests_.size(), false);
  }
  // After Settle(): whether it is named; notes that it is there.
  bool See(const crypto::Digest& digest) {
    const auto found = std::lower_bound(digests_.begin(), digests_.end(), digest);
    if (found == digests_.end() || *found != digest) return false;
    seen_[static_cast<size_t>(found - digests_.begin())] = true;
    return true;
  }
  uint64_t Missing() const {
    return static_cast<uint64_t>(std::count(seen_.begin(), seen_.end(), false));
  }

 private:
  std::vector<crypto::Digest> digests_;
  std::vector<bool> seen_;
  size_t settled_ = 0;
};

// What a run wrote down.
struct Record {
  std::string key;
  WallTime time;
  uint64_t manifests = 0;
  Unreferenced unreferenced;
};

std::string RecordKey(WallTime time) {
  std::string text = FormatTime(SecondOf(time));
  std::replace(text.begin(), text.end(), ':', '-');
  return std::string(kRecords) + text + ".json";
}

std::string WriteRecord(const Record& record, const Uuid& repository, uint64_t most) {
  nlohmann::json entries = nlohmann::json::array();
  for (const auto& [key, modified] : record.unreferenced) {
    if (entries.size() == most) break;
    entries.push_back({{"key", key}, {"modified", FormatTime(modified)}});
  }
  return json::Dump({{"format", 1},
                     {"repository", repository.ToString()},
                     {"time", FormatTime(record.time)},
                     {"manifests", record.manifests},
                     {"unreferenced", std::move(entries)}}) +
         "\n";
}

// Nothing of what is no record of this repository: it then takes another run to delete.
std::optional<Record> ReadRecord(const std::string& key, std::string_view text,
                                 const Uuid& repository) {
  try {
    const Result<nlohmann::json> parsed = json::ParseCold(text);
    if (!parsed.ok()) return std::nullopt;
    const nlohmann::json& tree = *parsed;
    if (tree.at("format") != 1 || tree.at("repository") != repository.ToString())
      return std::nullopt;
    Record record;
    record.key = key;
    const auto time = ParseTime(tree.at("time").get<std::string>());
    if (!time) return std::nullopt;
    record.time = *time;
    record.manifests = tree.at("manifests").get<uint64_t>();
    for (const nlohmann::json& entry : tree.at("unreferenced")) {
      const auto modified = ParseTime(entry.at("modified").get<std::string>());
      if (!modified) return std::nullopt;
      record.unreferenced.emplace(entry.at("key").get<std::string>(), SecondOf(*modified));
    }
    return record;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

class Collector {
 public:
  Collector(Repository& repository, const Clock& clock, const GarbageOptions& options,
            SteadyTime deadline)
      : repository_(repository),
        objects_(repository.objects()),
        clock_(clock),
        options_(options),
        deadline_(deadline) {}

  Result<GarbageReport> Run() {
    TRY(repository_.CheckIdentity(deadline_));
    TRY(ReadSnapshots());
    TRY(ReadChunks());
    TRY(ReadRecords());
    TRY(CheckPlausible());
    const Unreferenced doomed = Doomed();
    report_.candidates = now_.unreferenced.size();
    if (options_.dry_run) return report_;
    TRY(WriteDown());
    // What was listed belongs to this repository only if it is still there.
    TRY(repository_.CheckIdentity(deadline_));
    TRY(DeleteAll(doomed));
    TRY(DropRecords());
    TRY(objects_.RemoveUnfinished(options_.grace, deadline_));
    return report_;
  }

 private:
  template <typename Visit>
  Status ForEach(const std::string& prefix, Visit visit) {
    std::string after;
    do {
      const ObjectPage page = TRY(objects_.List(prefix, after, deadline_));
      for (const ObjectInfo& object : page.objects) TRY(visit(object));
      after = page.next;
    } while (!after.empty());
    return {};
  }

  Status ReadSnapshots() {
    std::vector<std::string> manifests;
    std::vector<ObjectInfo> beside;
    TRY(ForEach("snapshots/", [&](const ObjectInfo& object) -> Status {
      const auto key = ParseSnapshotKey(object.key);
      if (!key && object.key.ends_with(".json")) {
        return Conflict(
            objects_.Describe() + " has a snapshot that this version does not know: " + object.key,
            "collect garbage with the newest version of pannier in use");
      }
      if (key && key->part == SnapshotPart::kManifest) manifests.push_back(object.key);
      if (key && key->part != SnapshotPart::kManifest) beside.push_back(object);
      return {};
    }));
    for (const std::string& key : manifests) references_.Add(TRY(ReadManifest(key)));
    references_.Settle();
    NoteOrphans(manifests, beside);
    now_.manifests = report_.manifests = manifests.size();
    return {};
  }

  // What a manifest names cannot be told when it cannot be read: then nothing is deleted.
  Result<contract::Manifest> ReadManifest(const std::string& key) {
    Result<contract::Manifest> manifest = repository_.ReadManifest(key, deadline_);
    if (!manifest.Is(Errc::kCorruption)) return manifest;
    return Corruption(manifest.error().what,
                      "put the manifest back from a copy, or give the snapshot up: `pannierctl "
                      "snapshot delete UID --repository NAME`; its name ends with its UID");
  }

  // Verifications and holds of snapshots that are gone.
  void NoteOrphans(const std::vector<std::string>& manifests,
                   const std::vector<ObjectInfo>& beside) {
    const std::set<std::string_view> known(manifests.begin(), manifests.end());
    for (const ObjectInfo& object : beside) {
      const std::string_view key = object.key;
      const std::string_view part = key.ends_with(".hold.json") ? ".hold.json" : ".verified.json";
      const std::string manifest(key.substr(0, key.size() - part.size()));
      if (!known.contains(manifest + ".json"))
        now_.unreferenced.emplace(object.key, SecondOf(object.modified));
    }
  }

  Status ReadChunks() {
    TRY(ForEach("chunks/", [&](const ObjectInfo& object) -> Status {
      const std::string_view name = std::string_view(object.key).substr(object.key.rfind('/') + 1);
      const auto digest = ParseDigest(name);
      if (!digest || contract::ChunkKey(name) != object.key) return {};  // not ours
      ++report_.chunks;
      if (references_.See(*digest)) {
        ++report_.referenced;
      } else {
        now_.unreferenced.emplace(object.key, SecondOf(object.modified));
      }
      return {};
    }));
    report_.missing = references_.Missing();
    return {};
  }

  Status ReadRecords() {
    return ForEach(std::string(kRecords), [&](const ObjectInfo& object) -> Status {
      const Result<std::string> text = objects_.Get(object.key, kRecordBytesMax, deadline_);
      if (text.Is(Errc::kNotFound)) return {};  // another run dropped it
      auto record = ReadRecord(object.key, TRY(text), repository_.id());
      if (record) {
        records_.push_back(std::move(*record));
      } else {
        LogWarn("a record of garbage collection cannot be read and does not count")
            .Add("key", object.key);
      }
      return {};
    });
  }

  Status CheckPlausible() const {
    const bool ever = std::any_of(records_.begin(), records_.end(),
                                  [](const Record& record) { return record.manifests > 0; });
    if (report_.manifests > 0 || report_.chunks == 0 || ever) return {};
    return Conflict(objects_.Describe() + " has chunks but no snapshot, and never had one",
                    "check that it is the right place; nothing was deleted");
  }

  // The newest record that is old enough, and all newer ones, must agree.
  const Record* Base() const {
    const Record* base = nullptr;
    for (const Record& record : records_) {
      if (record.time > clock_.Now() - options_.grace) continue;
      if (base == nullptr || record.time > base->time) base = &record;
    }
    return base;
  }

  Unreferenced Doomed() const {
    const Record* const base = Base();
    if (base == nullptr) return {};
    Unreferenced doomed = base->unreferenced;
    const auto keep_agreed = [&doomed](const Unreferenced& other) {
      std::erase_if(doomed, [&other](const auto& entry) {
        const auto found = other.find(entry.first);
        return found == other.end() || found->second != entry.second;
      });
    };
    for (const Record& record : records_) {
      if (record.time > base->time) keep_agreed(record.unreferenced);
    }
    keep_agreed(now_.unreferenced);
    return doomed;
  }

  Status WriteDown() {
    now_.time = clock_.Now();
    for (const Record& record : records_) {
      const bool lately = record.time > now_.time - options_.grace / kRecordsInGrace;
      if (lately && record.time <= now_.time) return {};
    }
    Status put = objects_.Put(RecordKey(now_.time),
                              WriteRecord(now_, repository_.id(), options_.deletions_max),
                              ObjectStore::IfPresent::kFail, deadline_);
    if (put.Is(Errc::kConflict)) return {};  // another run of this second
    return put;
  }

  Status DeleteAll(const Unreferenced& doomed) {
    for (const auto& [key, modified] : doomed) {
      if (report_.deleted == options_.deletions_max) break;
      // It may have been renewed since it was listed, by a snapshot that is just being made.
      const Result<ObjectInfo> info = objects_.Stat(key, deadline_);
      if (info.Is(Errc::kNotFound)) continue;
      if (SecondOf(TRY(info).modified) != modified) continue;
      TRY(objects_.Delete(key, deadline_));
      ++report_.deleted;
      report_.deleted_bytes += info->bytes;
    }
    report_.candidates -= report_.deleted;
    return {};
  }

  // Records older than the one that decides are of no more use.
  Status DropRecords() {
    const Record* const base = Base();
    for (const Record& record : records_) {
      const bool superseded = base != nullptr && record.time < base->time;
      if (superseded) TRY(objects_.Delete(record.key, deadline_));
    }
    return {};
  }

  Repository& repository_;
  ObjectStore& objects_;
  const Clock& clock_;
  const GarbageOptions& options_;
  const SteadyTime deadline_;
  References references_;
  Record now_;
  std::vector<Record> records_;
  GarbageReport report_;
};

}  // namespace

Result<GarbageReport> CollectGarbage(Repository& repository, const Clock& clock,
                                     const GarbageOptions& options, SteadyTime deadline) {
  return Collector(repository, clock, options, deadline)
      .Run()
      .Context("collect garbage of " + repository.objects().Describe());
}

}  // namespace pannier::repository
