#include "daemon/store/sweeper.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace pannier::store {
namespace {

using file::Entry;
using file::Kind;

constexpr size_t kRememberedMax = 10'000;

// What may be done with a leftover.
enum class Handling {
  kSay,        // nothing
  kTemporary,  // made by us, and nobody's data
  kKeep,       // may be somebody's data: to quarantine, never deleted from where it was found
  kIntent,     // the folder of a creation or deletion that was cut short
  kRemove,     // lies in quarantine, and its time is over
};

struct Found {
  std::string path, why;
  Handling handling = Handling::kSay;
  Uuid id;                        // kIntent, kRemove
  std::optional<WallTime> since;  // kRemove: since when its time runs, if that is known already
  std::string signature;
  uint64_t files = 0, bytes = 0;
};

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool IsUnfinishedCopy(const Entry& entry) {
  return entry.kind == Kind::kFile && EndsWith(entry.name, ".new");
}

// SQLite's companions of store.db carry its name; so would caches their folder's.
bool BelongsInStore(const std::string& name) {
  return name.rfind("store.db", 0) == 0 || name == "index";
}

// A name that we made is written one way only.
std::optional<Uuid> IdOf(const Entry& entry) {
  if (entry.kind != Kind::kDirectory) return std::nullopt;
  const auto id = Uuid::Parse(entry.name);
  return id && id->ToString() == entry.name ? id : std::nullopt;
}

// One look at the whole directory.
class Look {
 public:
  Look(const DataDirectory& directory, Catalog& catalog, file::FileSystem& files,
       const SweepOptions& options, WallTime now)
      : directory_(directory), catalog_(catalog), files_(files), options_(options), now_(now) {}

  Result<std::vector<Found>> All() {
    TRY(LookAtTop());
    TRY(LookAtStaging());
    // The folders first: what is created meanwhile is then in the catalog, but not in the list.
    const std::vector<Entry> stores = TRY(List("stores"));
    const std::vector<Entry> aside = TRY(List("quarantine"));
    const std::vector<QuarantineRow> rows = TRY(catalog_.Quarantined());
    TRY(LookAtStores(stores, rows));
    TRY(LookAtQuarantine(aside, rows));
    for (Found& found : found_) TRY(Measure(found.path, &found));
    return std::move(found_);
  }

 private:
  void Add(std::string path, std::string why, Handling handling, Uuid id = {},
           std::optional<WallTime> since = {}) {
    Found found;
    found.path = std::move(path);
    found.why = std::move(why);
    found.handling = handling;
    found.id = id;
    found.since = since;
    found_.push_back(std::move(found));
  }

  // Of a name that does not belong where it is.
  void AddStray(const std::string& path, const Entry& entry) {
    if (entry.kind == Kind::kOther) {
      Add(path, "neither file nor folder", Handling::kSay);
    } else if (IsUnfinishedCopy(entry)) {
      Add(path, "unfinished copy", Handling::kTemporary);
    } else {
      Add(path, "not a name that belongs here", Handling::kKeep);
    }
  }

  Result<std::vector<Entry>> List(const std::string& path) {
    auto entries = files_.List(directory_.At(path));
    if (entries.Is(Errc::kNotFound)) return std::vector<Entry>();
    return entries;
  }

  Status LookAtTop() {
    for (const Entry& entry : TRY(files_.List(directory_.path()))) {
      // Hidden names are a volume's or a person's own.
      if (DataDirectory::Knows(entry.name) || entry.name.front() == '.') continue;
      AddStray(entry.name, entry);
    }
    return {};
  }

  Status LookAtStaging() {
    for (const Entry& entry : TRY(List("staging"))) {
      const std::string path = "staging/" + entry.name;
      const auto operation = IdOf(entry);
      if (!operation) {
        AddStray(path, entry);
      } else if (!options_.running.contains(*operation)) {
        Add(path, "staging of no operation", Handling::kTemporary);
      }
    }
    return {};
  }

  Status LookAtStores(const std::vector<Entry>& entries, const std::vector<QuarantineRow>& rows) {
    const std::vector<Uuid> intents = TRY(catalog_.Intents());
    std::map<Uuid, bool> known;  // and whether its folder was seen
    const auto databases = TRY(catalog_.List(std::nullopt, std::nullopt, 0));
    for (const CatalogEntry& each : databases) known[each.store] = false;
    for (const Uuid& intent : intents) {
      Add(DataDirectory::StoreAt(intent), "creation or deletion that was cut short",
          Handling::kIntent, intent);
      known[intent] = true;
    }
    std::set<std::string> on_their_way;
    for (const QuarantineRow& row : rows) on_their_way.insert(row.origin);
    for (const Entry& entry : entries) {
      const std::string path = "stores/" + entry.name;
      const auto id = IdOf(entry);
      const auto found = id ? known.find(*id) : known.end();
      if (found != known.end()) {
        found->second = true;
        TRY(LookInStore(path));
      } else if (on_their_way.contains(path)) {
        continue;  // moved to quarantine at the next start, if not before
      } else if (id) {
        Add(path, "store that the catalog does not know", Handling::kKeep);
      } else {
        AddStray(path, entry);
      }
    }
    return SayMissing(databases, known);
  }

  Status LookInStore(const std::string& path) {
    for (const Entry& entry : TRY(List(path))) {
      if (IsUnfinishedCopy(entry) || !BelongsInStore(entry.name)) {
        AddStray(path + "/" + entry.name, entry);
      }
    }
    return {};
  }

  Status SayMissing(const std::vector<CatalogEntry>& databases, const std::map<Uuid, bool>& known) {
    for (const CatalogEntry& each : databases) {
      if (known.at(each.store)) continue;
      // It may have come since the list was made, or gone with its database.
      if (TRY(file::Exists(files_, directory_.store_path(each.store)))) continue;
      const auto again = catalog_.Find(each.tenant, each.name);
      if (!again.ok() || again->store != each.store) continue;
      Add(DataDirectory::StoreAt(each.store),
          "folder of " + each.tenant + "/" + each.name + " is missing", Handling::kSay);
    }
    return {};
  }

  Status LookAtQuarantine(const std::vector<Entry>& entries,
                          const std::vector<QuarantineRow>& rows) {
    std::map<std::string, const QuarantineRow*> by_path;
    for (const QuarantineRow& row : rows) by_path[row.path] = &row;
    for (const Entry& entry : entries) {
      const std::string path = "quarantine/" + entry.name;
      const auto found = by_path.find(path);
      if (found == by_path.end()) {
        AddStray(path, entry);
      } else if (const QuarantineRow& row = *found->second; row.expires && *row.expires <= now_) {
        Add(path, "expired in quarantine", Handling::kRemove, row.store);
      } else if (row.why == Sweeper::kWhy) {
        Add(path, "moved to quarantine by a sweep", Handling::kRemove, row.store, row.since);
      }
      if (found != by_path.end()) by_path.erase(found);
    }
    for (const auto& [path, row] : by_path) {
      if (TRY(IsSomewhere(*row))) continue;
      Add(path, "missing from quarantine", Handling::kSay);
    }
    return {};
  }

  // It may have come since the list was made, be on its way, or have been released or removed.
  Result<bool> IsSomewhere(const QuarantineRow& row) {
    if (TRY(file::Exists(files_, directory_.At(row.path)))) return true;
    if (TRY(file::Exists(files_, directory_.At(row.origin)))) return true;
    const auto again = catalog_.FindQuarantined(row.store);
    if (again.Is(Errc::kNotFound)) return true;
    TRY(again);
    return false;
  }

  Status Measure(const std::string& path, Found* found) {
    WallTime newest{};
    TRY(Walk(directory_.At(path), found, &newest));
    found->signature = std::to_string(found->files) + " files " + std::to_string(found->bytes) +
                       " bytes " + std::to_string(ToNanoseconds(newest));
    return {};
  }

  Status Walk(const file::Path& path, Found* found, WallTime* newest) {
    const auto info = files_.Stat(path);
    if (info.Is(Errc::kNotFound)) return {};
    *newest = std::max(*newest, TRY(info).modified);
    if (info->kind == Kind::kFile) {
      ++found->files;
      found->bytes += info->bytes;
    }
    if (info->kind != Kind::kDirectory) return {};
    const auto entries = files_.List(path);
    if (entries.Is(Errc::kNotFound)) return {};
    for (const Entry& entry : TRY(entries)) TRY(Walk(path / entry.name, found, newest));
    return {};
  }

  const DataDirectory& directory_;
  Catalog& catalog_;
  file::FileSystem& files_;
  const SweepOptions& options_;
  const WallTime now_;
  std::vector<Found> found_;
};

void AddError(SweepResult* result, const std::string& path, const Error& error) {
  if (result->errors.size() < SweepResult::kErrorsMax) {
    result->errors.push_back(path + ": " + error.what);
  }
}

}  // namespace

// What acts on one leftover.
class Sweeper::Hand {
 public:
  Hand(Sweeper& sweeper, SweepMode mode, WallTime now)
      : sweeper_(sweeper), mode_(mode), now_(now) {}

  // Whether this mode does anything about it.
  bool Acts(const Found& found) const {
    if (mode_ == SweepMode::kReport || found.handling == Handling::kSay) return false;
    const bool deletes = found.handling == Handling::kRemove || found.handling == Handling::kIntent;
    return mode_ == SweepMode::kDelete || !deletes;
  }

  // False: it has found an owner, or is gone.
  Result<bool> Act(const Found& found) {
    const bool deletes = mode_ == SweepMode::kDelete;
    switch (found.handling) {
      case Handling::kSay:
        return false;
      case Handling::kTemporary:
        if (!deletes) return MoveAside(found);
        TRY(file::RemoveAll(sweeper_.files_, sweeper_.directory_.At(found.path)));
        return true;
      case Handling::kKeep:
        return MoveAside(found);
      case Handling::kIntent:
        return EndIntent(found);
      case Handling::kRemove:
        TRY(sweeper_.quarantine_.Remove(found.id));
        return true;
    }
    return false;
  }

 private:
  Result<bool> MoveAside(const Found& found) {
    // Nothing is created or put in place meanwhile.
    const std::unique_lock alone(sweeper_.databases_change_);
    if (!TRY(file::Exists(sweeper_.files_, sweeper_.directory_.At(found.path)))) return false;
    Uuid id = Uuid::Random();
    const auto named = Uuid::Parse(found.path.substr(found.path.rfind('/') + 1));
    if (named && found.path.rfind("stores/", 0) == 0) {
      if (TRY(IsOwned(*named))) return false;
      if (sweeper_.catalog_.FindQuarantined(*named).Is(Errc::kNotFound)) id = *named;
    }
    TRY(sweeper_.quarantine_.Add(
        Quarantine::RowFor(id, found.path, Sweeper::kWhy, now_, std::nullopt)));
    return true;
  }

  Result<bool> IsOwned(const Uuid& store) {
    for (const CatalogEntry& entry : TRY(sweeper_.catalog_.List(std::nullopt, std::nullopt, 0))) {
      if (entry.store == store) return true;
    }
    return false;
  }

  // As a start does. The alone-ness keeps creations out that are going on; deletions of the same
  // folder do no harm.
  Result<bool> EndIntent(const Found& found) {
    const std::unique_lock alone(sweeper_.databases_change_);
    const std::vector<Uuid> intents = TRY(sweeper_.catalog_.Intents());
    if (std::find(intents.begin(), intents.end(), found.id) == intents.end()) return false;
    TRY(sweeper_.catalog_.Settle());
    TRY(file::RemoveAll(sweeper_.files_, sweeper_.directory_.At(found.path)));
    TRY(sweeper_.catalog_.ForgetIntent(found.id));
    return true;
  }

  Sweeper& sweeper_;
  const SweepMode mode_;
  const WallTime now_;
};

Result<SweepResult> Sweeper::Run(const SweepOptions& options) {
  MutexLock lock(mutex_);
  const SteadyTime begin = SystemClock().Steady();
  const WallTime now = clock_.Now();
  std::map<std::string, LeftoverRow> remembered;
  for (LeftoverRow& row : TRY(catalog_.Leftovers())) remembered[row.path] = std::move(row);
  SweepResult result;
  if (options.mode != SweepMode::kReport) {
    const Status finished = quarantine_.Finish();  // what was decided long ago
    if (!finished.ok()) AddError(&result, "quarantine", finished.error());
  }
  const std::vector<Found> all = TRY(Look(directory_, catalog_, files_, options, now).All());
  Hand hand(*this, options.mode, now);
  std::vector<LeftoverRow> remember;
  for (const Found& found : all) {
    const auto row = remembered.find(found.path);
    const bool same = row != remembered.end() && row->second.signature == found.signature;
    const WallTime since = found.since.value_or(same ? row->second.since : now);
    const bool due = (same || found.since) && since + options.grace <= now;
    Leftover leftover{found.path, found.why, found.bytes, since, false};
    if (due && result.removed < options.removed_max && hand.Acts(found)) {
      const Result<bool> done = hand.Act(found);
      if (!done.ok()) AddError(&result, found.path, done.error());
      leftover.removed = done.ok() && *done;
    }
    result.removed += leftover.removed ? 1 : 0;
    ++result.found_total;
    result.files += found.files;
    result.bytes += found.bytes;
    if (!leftover.removed && remember.size() < kRememberedMax) {
      remember.push_back({found.path, found.signature, since});
    }
    if (result.found.size() < SweepResult::kFoundMax) result.found.push_back(std::move(leftover));
  }
  TRY(catalog_.SetLeftovers(remember));
  result.took = SystemClock().Steady() - begin;
  return result;
}

}  // namespace pannier::store
