#include "daemon/store/record_check.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/model/metadata.h"
#include "lib/core/background_turn.h"
#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

constexpr uint64_t kRowsPerStep = 512;  // progress is told of
constexpr uint32_t kNumbersPerPart = 16'384;
constexpr uint32_t kPartsMax = 64;

}  // namespace

void RecordCheck::EntrySum::Add(std::string_view id, RecordNumber number) {
  const std::array<uint64_t, 2> words = {number, file::Checksum(id)};
  ++count;
  digest += file::Checksum(std::as_bytes(std::span(words)));
}

RecordCheck::RecordCheck(model::Collection collection, const Counters& counters)
    : collection_(std::move(collection)), id_(collection_.id.ToString()), counters_(counters) {
  const uint32_t step = std::max(kNumbersPerPart, counters.last_record / kPartsMax + 1);
  RecordNumber from = 0;
  for (; counters.last_record - from >= step; from += step) {
    parts_.emplace_back();
    parts_.back().from = from;
    parts_.back().before = from + step;
  }
  parts_.emplace_back();
  parts_.back().from = from;
  parts_.emplace_back();
}

Status RecordCheck::Check(size_t number, Connection& connection, SharedProgress& progress) {
  Part& part = parts_[number];
  RecordTable table(connection, collection_.number);
  const bool is_index = number + 1 == parts_.size();
  Status checked = is_index ? CheckIds(part, table, progress) : CheckRows(part, table, progress);
  part.whole = checked.ok();
  return part.notes.Take(std::move(checked), id_);
}

const char* RecordCheck::FaultOf(const Row& row) const {
  if (row.metadata && !model::ParseStoredMetadata(*row.metadata).ok()) {
    return "its metadata cannot be read";
  }
  if (!row.vector.empty() && row.vector.size() != collection_.dimension.value_or(0)) {
    return "its vector has another dimension than its collection";
  }
  if (row.number > counters_.last_record) return "its number is above the highest ever given";
  return nullptr;
}

Status RecordCheck::CheckRows(Part& part, RecordTable& table, SharedProgress& progress) const {
  uint64_t bytes = 0;
  const auto look = [&](const Row& row, const char* damage) -> Status {
    if (damage == nullptr) damage = FaultOf(row);
    if (damage != nullptr) {
      part.notes.Note(Damage{id_, static_cast<int64_t>(row.number), std::string(row.id), damage});
    }
    part.sum.Add(row.id, row.number);
    LetRequestsPass();
    bytes += row.id.size() + row.metadata.value_or("").size() + row.document.value_or("").size() +
             row.vector.size_bytes();
    if (part.sum.count % kRowsPerStep != 0) return {};
    return progress.Add(std::exchange(bytes, 0));
  };
  TRY(table.CheckRows(part.from, part.before, look));
  return progress.Add(bytes);
}

Status RecordCheck::CheckIds(Part& part, RecordTable& table, SharedProgress& progress) const {
  std::string last;
  bool ascending = true;
  const auto look = [&](std::string_view id, RecordNumber number) -> Status {
    ascending = ascending && (part.sum.count == 0 || last < id);
    last = id;
    part.sum.Add(id, number);
    LetRequestsPass();
    return part.sum.count % kRowsPerStep == 0 ? progress.Add(0) : Status();
  };
  TRY(table.VisitIds(look));
  if (!ascending) part.notes.Note(Damage{id_, -1, {}, "its index of ids is out of order"});
  return {};
}

void RecordCheck::Finish(CheckReport* report) {
  const Part& index = parts_.back();
  EntrySum rows;
  bool rows_whole = true;
  for (Part& part : parts_) {
    part.notes.MoveTo(report);
    if (&part == &index) continue;
    rows.Add(part.sum);
    rows_whole = rows_whole && part.whole;
  }
  CheckNotes notes;
  if (rows_whole && rows.count != counters_.records) {
    notes.Note(Damage{id_,
                      -1,
                      {},
                      "it holds " + std::to_string(rows.count) + " records, and counts " +
                          std::to_string(counters_.records)});
  }
  if (rows_whole && index.whole && !(index.sum == rows)) {
    notes.Note(Damage{id_, -1, {}, "its index of ids does not name its records"});
  }
  notes.MoveTo(report);
}

}  // namespace pannier::store
