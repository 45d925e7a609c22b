#include "daemon/store/selection.h"

namespace pannier::store {

Status TableDocuments::Visit(const index::RecordSet& records, const Visitor& visit) {
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

Result<Selected> Select(const model::Selection& selection, RecordTable& table,
                        const index::AttributeIndex::View* attributes, ReadPace& pace) {
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
    TableDocuments documents(table, pace);
    index::RecordSet matches = TRY(attributes->Match(*selection.filter, documents));
    if (selected.records) matches.IntersectWith(*selected.records);
    selected.records = std::move(matches);
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
