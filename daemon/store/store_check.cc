#include "daemon/store/store_check.h"

#include <algorithm>
#include <memory>
#include <set>

#include "daemon/store/check_notes.h"
#include "daemon/store/checked_vfs.h"
#include "daemon/store/collection_table.h"
#include "daemon/store/page_walk.h"
#include "daemon/store/record_check.h"
#include "daemon/store/store_file.h"
#include "daemon/store/wal_check.h"
#include "lib/core/parallel.h"

namespace pannier::store {
namespace {

constexpr uint32_t kPagesPerStep = 512;  // progress is told of
constexpr uint32_t kPagesPerPart = 4'096;
constexpr uint32_t kPagePartsMax = 64;

class Check {
 public:
  Check(std::string folder, std::string vfs, const Progress& progress)
      : path_(std::move(folder) + "/store.db"), vfs_(std::move(vfs)), progress_(progress) {}

  Result<CheckReport> Run(CheckLevel level);

 private:
  // A part of the check that any thread may do, and where its notes go.
  struct Part {
    std::function<Status(CheckNotes& notes, SharedProgress& progress)> work;
    CheckNotes notes;
  };

  Result<Connection> Connect() const;
  Status AddPages();
  Status AddTables(CheckLevel level);
  Status LookAtCollections(Connection& connection, CheckLevel level);
  Status CheckNames(Connection& connection, const std::vector<model::Collection>& collections);
  Status LookAtCollection(CollectionTable& table, const model::Collection& collection,
                          CheckLevel level);
  Status CheckPages(uint32_t first, uint32_t last, CheckNotes& notes,
                    SharedProgress& progress) const;
  Status CheckStructure(CheckNotes& notes, SharedProgress& progress) const;
  Status DoParts();

  const std::string path_, vfs_;
  const Progress& progress_;
  CheckReport report_;
  CheckNotes first_;         // of what is looked at before the parts
  std::vector<Part> parts_;  // in the order of the report
  size_t begin_with_ = 0;    // of these
  std::vector<std::unique_ptr<RecordCheck>> records_;
  uint64_t total_ = 0;  // of the parts, in bytes: each pass over the file counts once
  bool has_log_ = false;
  Connection tables_;  // open while others are, so that only it has to make sense of the log
  std::set<uint32_t> incomplete_;  // collections without their table or index
};

Result<CheckReport> Check::Run(CheckLevel level) {
  const LogCheck log = TRY(CheckLog(path_, vfs_));
  if (!log.damage.empty()) first_.Note("the log: " + log.damage);
  has_log_ = log.frames > 0;
  TRY(AddPages());
  // What SQLite would make of a log that ends in damage is not what the store held.
  if (log.damage.empty()) TRY(first_.Take(AddTables(level)));
  TRY(DoParts());
  first_.MoveTo(&report_);
  for (Part& part : parts_) part.notes.MoveTo(&report_);
  for (const auto& records : records_) records->Finish(&report_);
  report_.sound = report_.damage_total == 0;
  return std::move(report_);
}

Status Check::DoParts() {
  SharedProgress progress(total_, progress_);
  TRY(progress.Add(0));
  return ForEach(parts_.size(), {"check", ThreadsForComputing()}, [&](uint64_t item) {
    Part& part = parts_[(begin_with_ + item) % parts_.size()];
    return part.work(part.notes, progress);
  });
}

Result<Connection> Check::Connect() const {
  // Without a log nothing needs to be made beside the file.
  const auto mode = has_log_ ? Connection::Mode::kReadOnly : Connection::Mode::kImmutable;
  return Connection::Open(path_, mode, vfs_);
}

// --- pages ---

Status Check::AddPages() {
  const PageWalk pages = TRY(PageWalk::Open(path_, vfs_));
  report_.bytes = pages.bytes();
  total_ += report_.bytes;
  if (pages.bytes() == 0) first_.Note("the file is empty");
  if (pages.bytes() % pages.page_bytes() != 0) first_.Note("the file ends in the middle of a page");
  // Each part would read the log anew.
  const uint32_t least = has_log_ ? pages.pages() : kPagesPerPart;
  const uint32_t step = std::max({least, pages.pages() / kPagePartsMax + 1, 1u});
  for (uint64_t first = 1; first <= pages.pages(); first += step) {
    const auto last = static_cast<uint32_t>(std::min<uint64_t>(first + step - 1, pages.pages()));
    const auto work = [this, first, last](CheckNotes& notes, SharedProgress& progress) {
      return CheckPages(static_cast<uint32_t>(first), last, notes, progress);
    };
    parts_.push_back({work, {}});
  }
  return {};
}

Status Check::CheckPages(uint32_t first, uint32_t last, CheckNotes& notes,
                         SharedProgress& progress) const {
  const PageWalk pages = TRY(PageWalk::Open(path_, vfs_));
  const auto look = [&](uint32_t number, PageSource source,
                        std::span<const std::byte> page) -> Status {
    if (source == PageSource::kBad) {
      notes.Note("page " + std::to_string(number) + " fails its checksum");
    } else if (source == PageSource::kMissing) {
      notes.Note("page " + std::to_string(number) + " lies beyond the end of the file");
    }
    return number % kPagesPerStep == 0 ? progress.Add(kPagesPerStep * page.size()) : Status();
  };
  return pages.ForEach(first, last, look);
}

// --- tables ---

Status Check::AddTables(CheckLevel level) {
  tables_ = TRY(Connect());
  TRY(CheckStoreFormat(tables_));
  begin_with_ = parts_.size();  // it takes longest and cannot be divided
  const auto structure = [this](CheckNotes& notes, SharedProgress& progress) {
    return notes.Take(CheckStructure(notes, progress));
  };
  parts_.push_back({structure, {}});
  total_ += report_.bytes;
  return LookAtCollections(tables_, level);
}

// SQLite's own view: trees, free pages, pointer map; and the small tables with their indexes. Of
// the large tables we compare the indexes ourselves (RecordCheck), which is faster than
// integrity_check and says as much.
Status Check::CheckStructure(CheckNotes& notes, SharedProgress& progress) const {
  Connection connection = TRY(Connect());
  for (const char* sql : {"PRAGMA quick_check(100)", "PRAGMA integrity_check(collections)",
                          "PRAGMA integrity_check(counters)"}) {
    Statement rows = TRY(connection.Prepare(sql));
    while (TRY(rows.Step())) {
      if (rows.Text(0) != "ok") notes.Note(std::string(rows.Text(0)));
    }
  }
  return progress.Add(report_.bytes);
}

Status Check::LookAtCollections(Connection& connection, CheckLevel level) {
  CollectionTable table(connection);
  Result<index::Sequence> sequence = table.ReadSequence();
  if (sequence.ok()) report_.sequence = *sequence;
  if (!sequence.ok()) {
    first_.Note("the store's own counters are missing: " + sequence.error().what);
  }
  const std::vector<model::Collection> collections = TRY(table.Load());
  report_.collections = collections.size();
  TRY(first_.Take(CheckNames(connection, collections)));
  if (level == CheckLevel::kFull) total_ += report_.bytes;
  for (const model::Collection& collection : collections) {
    TRY(first_.Take(LookAtCollection(table, collection, level), collection.id.ToString()));
  }
  return {};
}

// Every collection has a table with an index, and every table a collection.
Status Check::CheckNames(Connection& connection,
                         const std::vector<model::Collection>& collections) {
  Statement rows =
      TRY(connection.Prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'records_*'"));
  std::set<std::string, std::less<>> names;
  while (TRY(rows.Step())) names.emplace(rows.Text(0));
  for (const model::Collection& collection : collections) {
    const std::string table = "records_" + std::to_string(collection.number);
    for (const std::string& name : {table, table + "_id"}) {
      if (names.erase(name) == 1) continue;
      first_.Note(Damage{collection.id.ToString(), -1, {}, name + " is missing"});
      incomplete_.insert(collection.number);
    }
  }
  for (const std::string& name : names) first_.Note(name + " belongs to no collection");
  return {};
}

Status Check::LookAtCollection(CollectionTable& table, const model::Collection& collection,
                               CheckLevel level) {
  Result<Counters> counters = table.ReadCounters(collection.number);
  if (counters.Is(Errc::kNotFound)) return Corruption(counters.error().what);
  TRY(counters);
  report_.records += counters->records;
  if (level == CheckLevel::kQuick || incomplete_.contains(collection.number)) return {};
  records_.push_back(std::make_unique<RecordCheck>(collection, *counters));
  for (size_t i = 0; i < records_.back()->parts(); ++i) {
    const auto work = [this, records = records_.back().get(), i](CheckNotes& notes,
                                                                 SharedProgress& progress) {
      Result<Connection> connection = Connect();
      if (!connection.ok()) return notes.Take(std::move(connection).error());
      return records->Check(i, *connection, progress);
    };
    parts_.push_back({work, {}});
  }
  return {};
}

}  // namespace

Result<CheckReport> CheckStoreFile(const std::string& folder, CheckLevel level,
                                   const std::string& vfs, const Progress& progress) {
  return Check(folder, vfs, progress).Run(level);
}

}  // namespace pannier::store
