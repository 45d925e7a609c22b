#include "daemon/store/selection.h"

namespace pannier::store {

namespace {

// Fewer are looked at by Select itself: whoever searches by documents does more than that.
constexpr uint64_t kFewDocuments = 16;
// Passing a row costs a third of looking it up.
constexpr uint64_t kSeekCost = 3;

}  // namespace

Status TableDocuments::Visit(const index::RecordSet& records, const Visitor& visit) {
  if (records.empty()) return {};
  const RecordNumber first = records.First(), last = records.Last();
  if (records.Count() * kSeekCost > uint64_t{last} - first) {
    return table_.ScanRange(Columns::kAllButVector, first, last, [&](const Row& row) -> Status {
      TRY(pace_.Next());
      if (records.Contains(row.number)) visit(row.number, row.document);
      return {};
    });
  }
  Status failed;
  records.ForEach([&](RecordNumber number) {
    failed = pace_.Next();
    if (!failed.ok()) return false;
    const auto found = table_.Fetch(number, Columns::kAllButVector, [&](const Row& row) -> Status {
      visit(row.number, row.document);
      return {};
    });
    if (!found.ok()) failed = found.error();
    return found.ok();
  });
  return failed;
}

Status Settle(Selected* selected, index::DocumentSource& documents) {
  if (!selected->division) return {};
  const index::AttributeIndex::Division& division = *selected->division;
  std::vector<RecordNumber> passing;
  TRY(documents.Visit(division.undecided,
                      [&](RecordNumber record, std::optional<std::string_view> document) {
                        if (division.Passes(record, document)) passing.push_back(record);
                      }));
  selected->records->Subtract(division.undecided);
  selected->records->UniteWith(index::RecordSet::Of(passing));
  selected->division.reset();
  return {};
}

Result<Selected> Select(const model::Selection& selection, RecordTable& table,
                        const index::AttributeIndex::View* attributes, ReadPace& pace,
                        Documents when) {
  Selected selected;
  if (selection.ids) {
    index::RecordSet named;
    for (const std::string& id : *selection.ids) {
      TRY(pace.Next());
      const auto number = TRY(table.Find(id));
      if (number) {
        named.Add(*number);
      } else {
        selected.unknown_ids = true;
      }
    }
    selected.records = std::move(named);
  }
  if (selection.filter) {
    CHECK(attributes != nullptr);
    index::AttributeIndex::Division division = TRY(attributes->Divide(*selection.filter));
    index::RecordSet matches = division.passing;
    matches.UniteWith(division.undecided);
    if (selected.records) {
      matches.IntersectWith(*selected.records);
      division.undecided.IntersectWith(matches);
    }
    selected.records = std::move(matches);
    if (!division.undecided.empty()) selected.division = std::move(division);
    TableDocuments documents(table, pace);
    const bool few = selected.division && selected.division->undecided.Count() <= kFewDocuments;
    if (few || when == Documents::kAtOnce) TRY(Settle(&selected, documents));
  }
  return selected;
}

std::vector<RecordNumber> Page(const index::RecordSet& records, uint64_t offset,
                               std::optional<uint64_t> limit) {
  std::vector<RecordNumber> page;
  if (limit == 0) return page;
  records.ForEach([&](RecordNumber number) {
    if (offset > 0) {
      --offset;
      return true;
    }
    page.push_back(number);
    return !limit || page.size() < *limit;
  });
  return page;
}

}  // namespace pannier::store
