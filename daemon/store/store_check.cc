#include "daemon/store/store_check.h"

#include <algorithm>
#include <array>
#include <set>

#include "daemon/model/metadata.h"
#include "daemon/store/checked_vfs.h"
#include "daemon/store/collection_table.h"
#include "daemon/store/page_checksum.h"
#include "daemon/store/page_walk.h"
#include "daemon/store/record_table.h"
#include "daemon/store/store_file.h"
#include "daemon/store/wal_check.h"
#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

constexpr uint64_t kRowsPerStep = 512;

Error Stopped() { return DeadlineExceeded("the check was stopped"); }

// An order does not matter to it: what the rows and what the index say of ids must give the same.
uint64_t EntryDigest(std::string_view id, RecordNumber number) {
  const std::array<uint64_t, 2> words = {number, file::Checksum(id)};
  return file::Checksum(std::as_bytes(std::span(words)));
}

struct EntrySum {
  uint64_t count = 0, digest = 0;
  void Add(std::string_view id, RecordNumber number) {
    ++count;
    digest += EntryDigest(id, number);
  }
  bool operator==(const EntrySum&) const = default;
};

class Check {
 public:
  Check(std::string folder, std::string vfs, const Progress& progress)
      : path_(std::move(folder) + "/store.db"), vfs_(std::move(vfs)), progress_(progress) {}

  Result<CheckReport> Run(CheckLevel level);

 private:
  void Note(Damage damage) {
    ++report_.damage_total;
    if (report_.damage.size() < CheckReport::kDamageMax)
      report_.damage.push_back(std::move(damage));
  }
  void Note(std::string what) { Note(Damage{{}, -1, {}, std::move(what)}); }
  // Damage becomes a note; other errors end the check.
  Status Take(Status status, const std::string& collection = {});
  Status Tell(uint64_t done) {
    return !progress_ || progress_(done, total_) ? Status() : Stopped();
  }

  Status CheckPages();
  Status CheckTables(CheckLevel level);
  Status CheckStructure(Connection& connection);
  Status CheckCollections(Connection& connection, CheckLevel level);
  Status CheckNames(Connection& connection, const std::vector<model::Collection>& collections);
  Status CheckCollection(Connection& connection, const model::Collection& collection,
                         CheckLevel level);
  Status CheckRecords(RecordTable& table, const model::Collection& collection,
                      const Counters& counters);
  Status CheckIds(RecordTable& table, const std::string& collection, const EntrySum& rows);
  const char* FaultOf(const Row& row, const model::Collection& collection) const;

  const std::string path_, vfs_;
  const Progress& progress_;
  CheckReport report_;
  uint64_t total_ = 0;  // of steps, in bytes: each pass over the file counts once
  uint64_t done_ = 0;
  bool has_log_ = false;
  std::set<uint32_t> incomplete_;  // collections without their table or index
};

Status Check::Take(Status status, const std::string& collection) {
  if (!status.Is(Errc::kCorruption)) return status;
  Note(Damage{collection, -1, {}, status.error().what});
  return {};
}

Result<CheckReport> Check::Run(CheckLevel level) {
  const LogCheck log = TRY(CheckLog(path_, vfs_));
  if (!log.damage.empty()) Note("the log: " + log.damage);
  has_log_ = log.frames > 0;
  TRY(CheckPages());
  // What SQLite would make of a log that ends in damage is not what the store held.
  if (log.damage.empty()) TRY(Take(CheckTables(level)));
  report_.sound = report_.damage_total == 0;
  return std::move(report_);
}

Status Check::CheckPages() {
  PageWalk pages = TRY(PageWalk::Open(path_, vfs_));
  report_.bytes = pages.bytes();
  total_ = report_.bytes * 4;
  if (pages.bytes() == 0) Note("the file is empty");
  if (pages.bytes() % pages.page_bytes() != 0) Note("the file ends in the middle of a page");
  const auto look = [&](uint32_t number, PageSource source, std::span<const std::byte> page) {
    done_ = uint64_t{number} * page.size();
    if (source == PageSource::kBad) {
      Note("page " + std::to_string(number) + " fails its checksum");
    } else if (source == PageSource::kMissing) {
      Note("page " + std::to_string(number) + " lies beyond the end of the file");
    }
    return number % kRowsPerStep == 0 ? Tell(done_) : Status();
  };
  return pages.ForEach(look);
}

Status Check::CheckTables(CheckLevel level) {
  // Without a log nothing needs to be made beside the file.
  const auto mode = has_log_ ? Connection::Mode::kReadOnly : Connection::Mode::kImmutable;
  Connection connection = TRY(Connection::Open(path_, mode, vfs_));
  TRY(CheckStoreFormat(connection));
  TRY(Take(CheckStructure(connection)));
  done_ = report_.bytes * 2;
  TRY(Tell(done_));
  return CheckCollections(connection, level);
}

// SQLite's own view: trees, free pages, pointer map; and the small tables with their indexes. Of
// the large tables we compare the indexes ourselves (CheckIds), which is faster than
// integrity_check and says as much.
Status Check::CheckStructure(Connection& connection) {
  for (const char* sql : {"PRAGMA quick_check(100)", "PRAGMA integrity_check(collections)",
                          "PRAGMA integrity_check(counters)"}) {
    Statement rows = TRY(connection.Prepare(sql));
    while (TRY(rows.Step())) {
      if (rows.Text(0) != "ok") Note(std::string(rows.Text(0)));
    }
  }
  return {};
}

Status Check::CheckCollections(Connection& connection, CheckLevel level) {
  CollectionTable table(connection);
  Result<index::Sequence> sequence = table.ReadSequence();
  if (sequence.ok()) report_.sequence = *sequence;
  if (!sequence.ok()) Note("the store's own counters are missing: " + sequence.error().what);
  const std::vector<model::Collection> collections = TRY(table.Load());
  report_.collections = collections.size();
  TRY(Take(CheckNames(connection, collections)));
  for (const model::Collection& collection : collections) {
    TRY(Take(CheckCollection(connection, collection, level), collection.id.ToString()));
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
      Note(Damage{collection.id.ToString(), -1, {}, name + " is missing"});
      incomplete_.insert(collection.number);
    }
  }
  for (const std::string& name : names) Note(name + " belongs to no collection");
  return {};
}

Status Check::CheckCollection(Connection& connection, const model::Collection& collection,
                              CheckLevel level) {
  CollectionTable counters_table(connection);
  Result<Counters> counters = counters_table.ReadCounters(collection.number);
  if (counters.Is(Errc::kNotFound)) return Corruption(counters.error().what);
  TRY(counters);
  report_.records += counters->records;
  if (level == CheckLevel::kQuick || incomplete_.contains(collection.number)) return {};
  RecordTable table(connection, collection.number);
  return CheckRecords(table, collection, *counters);
}

const char* Check::FaultOf(const Row& row, const model::Collection& collection) const {
  if (row.metadata && !model::ParseStoredMetadata(*row.metadata).ok()) {
    return "its metadata cannot be read";
  }
  if (!row.vector.empty() && row.vector.size() != collection.dimension.value_or(0)) {
    return "its vector has another dimension than its collection";
  }
  return nullptr;
}

Status Check::CheckRecords(RecordTable& table, const model::Collection& collection,
                           const Counters& counters) {
  const std::string id = collection.id.ToString();
  EntrySum rows;
  const uint64_t bytes_before = done_;
  uint64_t bytes = 0;
  const auto look = [&](const Row& row, const char* damage) -> Status {
    if (damage == nullptr) damage = FaultOf(row, collection);
    if (damage == nullptr && row.number > counters.last_record) {
      damage = "its number is above the highest ever given";
    }
    if (damage != nullptr) {
      Note(Damage{id, static_cast<int64_t>(row.number), std::string(row.id), damage});
    }
    rows.Add(row.id, row.number);
    bytes += row.id.size() + row.metadata.value_or("").size() + row.document.value_or("").size() +
             row.vector.size_bytes();
    done_ = std::min(bytes_before + bytes, total_);
    return rows.count % kRowsPerStep == 0 ? Tell(done_) : Status();
  };
  TRY(table.CheckRows(0, look));
  if (rows.count != counters.records) {
    Note(Damage{id,
                -1,
                {},
                "it holds " + std::to_string(rows.count) + " records, and counts " +
                    std::to_string(counters.records)});
  }
  return CheckIds(table, id, rows);
}

Status Check::CheckIds(RecordTable& table, const std::string& collection, const EntrySum& rows) {
  EntrySum entries;
  std::string last;
  bool ascending = true;
  const auto look = [&](std::string_view id, RecordNumber number) -> Status {
    ascending = ascending && (entries.count == 0 || last < id);
    last = id;
    entries.Add(id, number);
    return entries.count % kRowsPerStep == 0 ? Tell(done_) : Status();
  };
  TRY(table.VisitIds(look));
  if (!ascending) Note(Damage{collection, -1, {}, "its index of ids is out of order"});
  if (!(entries == rows)) {
    Note(Damage{collection, -1, {}, "its index of ids does not name its records"});
  }
  return {};
}

}  // namespace

Result<CheckReport> CheckStoreFile(const std::string& folder, CheckLevel level,
                                   const std::string& vfs, const Progress& progress) {
  return Check(folder, vfs, progress).Run(level);
}

}  // namespace pannier::store
