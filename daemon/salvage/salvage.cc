#include "daemon/salvage/salvage.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <set>

#include "daemon/model/configuration.h"
#include "daemon/salvage/inventory.h"
#include "daemon/store/raw_file.h"
#include "daemon/store/store_file.h"
#include "daemon/store/wal_check.h"
#include "lib/file/file_system.h"

namespace pannier::salvage {
namespace {

constexpr char kFile[] = "/store.db";
constexpr uint64_t kCommitBytes = 32ull << 20;
constexpr uint64_t kSequenceLeap = 1'000'000;
constexpr size_t kMessagesMax = 20;

// The newest verified snapshot, as far as it answers.
class Filler {
 public:
  static Result<Filler> Open(const std::string& folder, const std::string& vfs) {
    Filler filler;
    if (folder.empty()) return filler;
    Result<store::Connection> opened =
        store::Connection::Open(folder + kFile, store::Connection::Mode::kImmutable, vfs);
    if (!opened.ok()) return std::move(opened).error().Context("snapshot");
    filler.connection_ = std::make_unique<store::Connection>(std::move(opened).value());
    TRY(store::CheckStoreFormat(*filler.connection_).Context("snapshot"));
    store::CollectionTable table(*filler.connection_);
    filler.sequence_ = TRY(table.ReadSequence());
    filler.collections_ = TRY(table.Load());
    return filler;
  }

  const std::vector<model::Collection>& collections() const { return collections_; }
  uint64_t sequence() const { return sequence_; }

  // The table of that collection; null when the snapshot does not have it.
  std::unique_ptr<store::RecordTable> TableOf(const Uuid& id) const {
    for (const model::Collection& each : collections_) {
      if (each.id == id) return std::make_unique<store::RecordTable>(*connection_, each.number);
    }
    return nullptr;
  }

 private:
  std::unique_ptr<store::Connection> connection_;  // null: there is no snapshot
  std::vector<model::Collection> collections_;
  uint64_t sequence_ = 0;
};

// The fresh store, written through the same tables as every store.
class FreshStore {
 public:
  static Result<FreshStore> Make(const std::string& path, const std::string& vfs) {
    TRY(store::CreateStoreFile(path, vfs));
    FreshStore fresh(path, vfs, TRY(store::OpenStoreWriter(path, vfs)));
    // Nobody needs what a crash would leave of it, so it is written once, and synced at the end.
    TRY(fresh.connection_->Run("PRAGMA cache_size=-16384; PRAGMA synchronous=OFF"));
    TRY(fresh.UseJournal("memory"));
    TRY(fresh.connection_->Run("BEGIN IMMEDIATE"));
    return fresh;
  }

  // The collection gets the number that it had.
  Status Begin(const model::Collection& collection) {
    TRY(connection_->Run("DELETE FROM sqlite_sequence WHERE name = 'collections'"));
    TRY(connection_->Run("INSERT INTO sqlite_sequence VALUES ('collections', " +
                         std::to_string(collection.number - 1) + ")"));
    number_ = TRY(store::CollectionTable(*connection_).Insert(collection));
    table_ = std::make_unique<store::RecordTable>(*connection_, number_);
    counters_ = {};
    return {};
  }
  // False: a record with this id is there already.
  Result<bool> Add(const store::Row& row) {
    if (!TRY(table_->Insert(row))) return false;
    ++counters_.records;
    counters_.last_record = std::max(counters_.last_record, row.number);
    bytes_ += row.id.size() + row.document.value_or("").size() + row.metadata.value_or("").size() +
              row.vector.size_bytes();
    if (bytes_ < kCommitBytes) return true;
    bytes_ = 0;
    TRY(connection_->Run("COMMIT"));
    TRY(connection_->Run("BEGIN IMMEDIATE"));
    return true;
  }
  Status End(store::RecordNumber last_record) {
    counters_.last_record = std::max(counters_.last_record, last_record);
    table_.reset();
    return store::CollectionTable(*connection_).WriteCounters(number_, counters_);
  }
  Status Finish(uint64_t sequence, uint32_t last_number) {
    TRY(store::CollectionTable(*connection_).WriteSequence(sequence));
    TRY(connection_->Run("UPDATE sqlite_sequence SET seq = max(seq, " +
                         std::to_string(last_number) + ") WHERE name = 'collections'"));
    TRY(connection_->Run("COMMIT; PRAGMA synchronous=FULL"));
    TRY(UseJournal("wal"));
    TRY(connection_->Checkpoint(/*truncate=*/true));
    return TRY(store::RawFile::Open(path_, store::RawFile::Mode::kReadWrite, vfs_)).Sync();
  }

 private:
  FreshStore(std::string path, std::string vfs, store::Connection connection)
      : path_(std::move(path)),
        vfs_(std::move(vfs)),
        connection_(std::make_unique<store::Connection>(std::move(connection))) {}

  // SQLite says which journal it uses from now on, and that may be the old one.
  Status UseJournal(const std::string& mode) {
    store::Statement journal = TRY(connection_->Prepare("PRAGMA journal_mode=" + mode));
    if (TRY(journal.Step()) && journal.Text(0) == mode) return {};
    return Internal("the fresh store cannot use the journal mode " + mode);
  }

  const std::string path_, vfs_;
  std::unique_ptr<store::Connection> connection_;
  std::unique_ptr<store::RecordTable> table_;
  uint32_t number_ = 0;
  store::Counters counters_;
  uint64_t bytes_ = 0;
};

class Salvage {
 public:
  Salvage(DamagedFile file, Filler filler, FreshStore fresh, const store::Progress& progress)
      : file_(std::move(file)),
        trees_(file_),
        filler_(std::move(filler)),
        fresh_(std::move(fresh)),
        progress_(progress) {}

  Result<Report> Run(const std::string& log_damage);

 private:
  Status CopyCollection(const FoundCollection& found);
  Status SayWhatIsUnknown();
  Status CopyDue(const FoundCollection& found, const Due& due, store::RecordTable* snapshot);
  Status FillGaps(const FoundCollection& found, const Inventory::Plan& plan,
                  store::RecordTable* snapshot);
  // Whether the snapshot has the record, of that id if that is known, and it is in the fresh store
  // now.
  Result<bool> FromSnapshot(store::RecordTable* snapshot, uint32_t record, std::string_view id);
  Result<model::Collection> InfoOf(const FoundCollection& found, const Inventory& inventory);
  Result<std::optional<uint32_t>> DimensionOf(const Inventory& inventory);
  void Lose(const FoundCollection& found, LostRecord lost);
  void Say(std::string message) {
    if (report_.messages.size() < kMessagesMax) report_.messages.push_back(std::move(message));
  }
  Status Tell(uint64_t done) {
    const uint64_t total = file_.bytes() * DamagedFile::kProgressShare;
    if (!progress_ || progress_(std::min(done, total), total)) return {};
    return DeadlineExceeded("the salvage was stopped");
  }

  DamagedFile file_;
  Trees trees_;
  Filler filler_;
  FreshStore fresh_;
  const store::Progress& progress_;
  Report report_;
  std::vector<HeldRow> unclaimed_;
  std::vector<float> vector_;
  std::set<std::string> names_;
  std::set<Uuid> ids_;
  uint64_t done_ = 0;
};

Result<Report> Salvage::Run(const std::string& log_damage) {
  Findings findings = TRY(FindTables(file_, trees_, filler_.collections()));
  if (findings.collections.empty() && !findings.sequence) {
    return Corruption("nothing can be made out in the store", "restore a snapshot");
  }
  for (std::string& message : findings.messages) Say(std::move(message));
  if (file_.repaired() > 0) {
    Say("pages with one flipped bit, which was put right: " + std::to_string(file_.repaired()));
  }
  if (file_.broken() > 0)
    Say("pages that are damaged or missing: " + std::to_string(file_.broken()));
  unclaimed_ = TRY(FindUnclaimed(trees_));
  done_ = file_.bytes();
  for (const FoundCollection& found : findings.collections) TRY(CopyCollection(found));
  if (!log_damage.empty()) {
    Say("the log is damaged (" + log_damage + "): the newest changes may be missing");
    report_.lost_exact = false;
  }
  TRY(SayWhatIsUnknown());
  report_.sequence = std::max(findings.sequence.value_or(0), filler_.sequence());
  if (!findings.sequence) {
    report_.sequence += kSequenceLeap;
    Say("the store's sequence could not be read; it goes on at " +
        std::to_string(report_.sequence));
  }
  TRY(fresh_.Finish(report_.sequence, findings.last_number));
  return std::move(report_);
}

// Counts that are not known must not be read as "nothing is lost"; and an empty store in the place
// of one that held something helps nobody.
Status Salvage::SayWhatIsUnknown() {
  if (report_.lost_exact) return {};
  if (report_.records == 0) {
    return Corruption(
        "no record of the store could be read, and how many are lost is not known; the store stays "
        "as it is",
        "restore a snapshot; without one delete the database, and begin anew");
  }
  const std::string unknown =
      "how much is lost is not known exactly: " + std::to_string(report_.lost_total) +
      " records at least, and maybe changes of others";
  report_.messages.insert(report_.messages.begin(), unknown);
  if (report_.messages.size() > kMessagesMax) report_.messages.pop_back();
  return {};
}

Status Salvage::CopyCollection(const FoundCollection& found) {
  const auto tell = [&](uint32_t page) -> Status {
    return page % 64 == 0 ? Tell(done_ += 64 * file_.usable()) : Status();
  };
  Inventory inventory = TRY(TakeInventory(trees_, found, tell));
  TRY(AddUnclaimed(unclaimed_, &inventory));
  const Inventory::Plan plan = inventory.MakePlan(found.counters);
  FoundCollection named = found;
  named.info = TRY(InfoOf(found, inventory));
  TRY(fresh_.Begin(*named.info));
  ++report_.collections;
  const auto snapshot = filler_.TableOf(named.info->id);
  const uint64_t before = report_.records;
  for (const Due& due : plan.due) TRY(CopyDue(named, due, snapshot.get()));
  TRY(FillGaps(named, plan, snapshot.get()));
  if (report_.records == before && !plan.is_exact) {
    Say("nothing of " + named.Name() + " could be read; how much is lost is not known");
  }
  const store::Counters counters = found.counters.value_or(store::Counters{});
  return fresh_.End(counters.last_record);
}

Result<model::Collection> Salvage::InfoOf(const FoundCollection& found,
                                          const Inventory& inventory) {
  model::Collection info;
  if (found.info) {
    info = *found.info;
  } else {
    Say("collection " + std::to_string(found.number) + " has lost its name and settings");
    model::IndexDescription index = TRY(model::DescribeIndex(nullptr, nullptr, nullptr));
    info.id = Uuid::Random();
    info.name = found.Name();
    info.hnsw = index.hnsw;
    info.configuration = std::move(index.configuration);
    info.schema = std::move(index.schema);
  }
  info.number = found.number;
  if (!info.dimension) info.dimension = TRY(DimensionOf(inventory));
  while (!names_.insert(info.name).second) info.name += "-again";
  if (!ids_.insert(info.id).second) info.id = Uuid::Random();
  return info;
}

// As the first vector has it. One that was never written with a vector has none.
Result<std::optional<uint32_t>> Salvage::DimensionOf(const Inventory& inventory) {
  std::optional<uint32_t> dimension;
  for (const HeldRow& held : inventory.rows) {
    TRY(trees_.ReadRow(held.spot, [&](const FoundRow& row) -> Status {
      if (!row.vector.empty()) dimension = static_cast<uint32_t>(row.vector.size() / sizeof(float));
      return {};
    }));
    if (dimension) break;
  }
  return dimension;
}

void Salvage::Lose(const FoundCollection& found, LostRecord lost) {
  ++report_.lost_total;
  lost.collection = found.Name();
  if (report_.lost.size() < Report::kLostMax) report_.lost.push_back(std::move(lost));
}

Status Salvage::CopyDue(const FoundCollection& found, const Due& due,
                        store::RecordTable* snapshot) {
  if (due.row) {
    bool added = false;
    TRY(trees_.ReadRow(*due.row, [&](const FoundRow& read) -> Status {
      store::Row row = read.row;
      vector_.resize(read.vector.size() / sizeof(float));
      if (!vector_.empty()) std::memcpy(vector_.data(), read.vector.data(), read.vector.size());
      row.vector = vector_;
      added = TRY(fresh_.Add(row));
      return {};
    }));
    // Two versions of a damaged log may both name an id; the older record has it.
    if (added) ++report_.records;
    if (!added) report_.lost_exact = false;
    return {};
  }
  std::string id;
  if (due.entry) id = TRY(trees_.ReadEntryText(*due.entry));
  if (TRY(FromSnapshot(snapshot, due.record, id))) return {};
  Lose(found, {{}, id, static_cast<int64_t>(due.record)});
  return {};
}

Result<bool> Salvage::FromSnapshot(store::RecordTable* snapshot, uint32_t record,
                                   std::string_view id) {
  if (snapshot == nullptr) return false;
  bool added = false;
  const auto add = [&](const store::Row& row) -> Status {
    if (!id.empty() && row.id != id) return {};
    added = TRY(fresh_.Add(row));
    return {};
  };
  const Result<bool> fetched = snapshot->Fetch(record, store::Columns::kAll, add);
  // What the snapshot cannot give is not there; the fresh store's own failures end the salvage.
  if (!fetched.ok() && !fetched.Is(Errc::kCorruption)) return fetched.error();
  if (!added) return false;
  ++report_.records;
  ++report_.from_snapshot;
  return true;
}

// What the damaged store can no longer tell of: the snapshot's records take the places that the
// counters say are empty. Some of them may have been deleted since.
Status Salvage::FillGaps(const FoundCollection& found, const Inventory::Plan& plan,
                         store::RecordTable* snapshot) {
  if (!plan.is_exact) report_.lost_exact = false;
  const bool may_miss = plan.nameless > 0 || (!plan.is_exact && !found.counters);
  if (!may_miss) return {};
  uint64_t filled = 0;
  if (snapshot != nullptr) {
    std::vector<uint32_t> numbers;
    const auto note = [&](std::string_view, store::RecordNumber number) -> Status {
      const bool is_due =
          std::binary_search(plan.due.begin(), plan.due.end(), Due{number, {}, {}},
                             [](const Due& a, const Due& b) { return a.record < b.record; });
      if (!is_due) numbers.push_back(number);
      return {};
    };
    Status read = snapshot->VisitIds(note);
    if (!read.ok() && !read.Is(Errc::kCorruption)) return read;
    std::sort(numbers.begin(), numbers.end());
    for (const uint32_t number : numbers) filled += TRY(FromSnapshot(snapshot, number, {})) ? 1 : 0;
  }
  for (uint64_t i = filled; i < plan.nameless; ++i) Lose(found, {});
  return {};
}

}  // namespace

Result<Report> SalvageStore(const std::string& damaged, const std::string& snapshot,
                            const std::string& fresh, const std::string& vfs,
                            const store::Progress& progress) {
  const std::string path = damaged + kFile;
  const store::LogCheck log = TRY(store::CheckLog(path, vfs));
  DamagedFile file = TRY(DamagedFile::Open(path, vfs, progress));
  Filler filler = TRY(Filler::Open(snapshot, vfs));
  Report report;
  {
    FreshStore made = TRY(FreshStore::Make(fresh + kFile, vfs));
    Salvage salvage(std::move(file), std::move(filler), std::move(made), progress);
    report = TRY(salvage.Run(log.damage));
  }
  TRY(file::RealFileSystem().SyncDirectory(fresh));
  return report;
}

}  // namespace pannier::salvage
