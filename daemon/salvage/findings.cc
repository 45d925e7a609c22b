#include "daemon/salvage/findings.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "daemon/model/configuration.h"
#include "daemon/model/metadata.h"
#include "daemon/store/hnsw_text.h"
#include "lib/json/cold.h"

namespace pannier::salvage {
namespace {

constexpr char kRecords[] = "records_";
constexpr char kIdsSuffix[] = "_id";
constexpr uint32_t kSchemaRoot = 1;

// The number in "records_7" or "records_7_id"; nothing for other names.
std::optional<uint32_t> NumberIn(std::string_view name, std::string_view suffix) {
  if (!name.starts_with(kRecords) || !name.ends_with(suffix)) return std::nullopt;
  const std::string_view digits =
      name.substr(sizeof(kRecords) - 1, name.size() - (sizeof(kRecords) - 1) - suffix.size());
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size() && number != 0;
  return whole ? std::optional(number) : std::nullopt;
}

std::optional<uint32_t> DimensionOf(const Value& value) {
  if (!value.IsInteger() || value.integer <= 0 || value.integer > INT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(value.integer);
}

bool IsJson(std::string_view text) { return json::ParseCold(text).ok(); }

// A row of `collections`. Nothing when any part of it cannot be what was written.
std::optional<model::Collection> CollectionFrom(uint32_t number, const std::vector<Value>& values) {
  if (values.size() != 8) return std::nullopt;
  for (const size_t text : {1, 2, 4, 5, 6}) {
    if (!values[text].IsText()) return std::nullopt;
  }
  const std::optional<Uuid> id = Uuid::Parse(values[1].text());
  const auto hnsw = store::ParseHnsw(values[4].text());
  if (!id || !hnsw.ok() || !IsJson(values[5].text()) || !IsJson(values[6].text())) {
    return std::nullopt;
  }
  model::Collection collection;
  collection.number = number;
  collection.id = *id;
  collection.name = values[2].text();
  if (values[3].IsText()) collection.metadata = std::string(values[3].text());
  if (collection.metadata && !model::ParseStoredMetadata(*collection.metadata).ok()) {
    return std::nullopt;
  }
  collection.hnsw = *hnsw;
  collection.configuration = values[5].text();
  collection.schema = values[6].text();
  collection.dimension = DimensionOf(values[7]);
  return collection;
}

class Finder {
 public:
  Finder(DamagedFile& file, Trees& trees, const std::vector<model::Collection>& known)
      : file_(file), trees_(trees), known_(known) {}

  Result<Findings> Run() {
    trees_.Sort();
    TRY(ReadSchema());
    if (!trees_.IsComplete(kSchemaRoot)) TRY(GuessRoots());
    trees_.Sort();
    TRY(ReadCounters());
    TRY(ReadNumbers());
    TRY(ReadCollections());
    TRY(NameTheNameless());
    return std::move(findings_);
  }

 private:
  struct Roots {
    uint32_t table = 0, ids = 0;
  };
  Status ReadSchema();
  void NoteSchemaRow(const std::vector<Value>& values);
  Status GuessRoots();
  Status GuessTable(uint32_t root);
  Status GuessIds(uint32_t root);
  Status ReadCounters();
  Status ReadNumbers();
  Status ReadCollections();
  Status NameTheNameless();
  uint32_t NumberByCounters(uint64_t rows, uint64_t last) const;
  FoundCollection& Of(uint32_t number);
  const model::Collection* Known(uint32_t number, const std::optional<Uuid>& id) const;
  // Which numbers go with these ids or names, by the table's own indexes; only what is proven.
  Status ReadProof(uint32_t root, std::map<uint32_t, std::string>* proof);

  DamagedFile& file_;
  Trees& trees_;
  const std::vector<model::Collection>& known_;
  Findings findings_;
  std::map<uint32_t, Roots> roots_;  // by collection
  uint32_t collections_ = 0, counters_ = 0, numbers_ = 0;
  uint32_t ids_index_ = 0, names_index_ = 0;  // of collections
  std::map<uint32_t, store::Counters> counters_read_;
};

FoundCollection& Finder::Of(uint32_t number) {
  auto& all = findings_.collections;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.number == number; });
  if (found != all.end()) return *found;
  all.push_back({});
  all.back().number = number;
  findings_.last_number = std::max(findings_.last_number, number);
  return all.back();
}

void Finder::NoteSchemaRow(const std::vector<Value>& values) {
  if (values.size() != 5 || !values[1].IsText() || !values[3].IsInteger()) return;
  if (values[3].integer <= 1 || values[3].integer > file_.pages()) return;
  const auto root = static_cast<uint32_t>(values[3].integer);
  const std::string_view name = values[1].text();
  if (name == "collections") collections_ = root;
  if (name == "counters") counters_ = root;
  if (name == "sqlite_sequence") numbers_ = root;
  if (name == "sqlite_autoindex_collections_1") ids_index_ = root;
  if (name == "sqlite_autoindex_collections_2") names_index_ = root;
  if (const auto number = NumberIn(name, "")) roots_[*number].table = root;
  if (const auto number = NumberIn(name, kIdsSuffix)) roots_[*number].ids = root;
  file_.KnowRoot(root);
}

// What a damaged page of the schema says is taken as well: a wrong root shows no sound records.
Status Finder::ReadSchema() {
  std::vector<Value> values;
  return trees_.ForEachCell(kSchemaRoot, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
    if (ParseRecord(cell.payload, &values)) NoteSchemaRow(values);
    return {};
  });
}

// Tables that the schema does not name any more are told by what is in them.
Status Finder::GuessRoots() {
  findings_.messages.push_back("the list of tables is damaged; tables were told by their contents");
  std::set<uint32_t> named = {collections_, counters_, numbers_, ids_index_, names_index_};
  for (const auto& [number, roots] : roots_) named.insert({roots.table, roots.ids});
  trees_.Sort();
  std::vector<uint32_t> indexes;
  for (const uint32_t root : file_.Roots()) {
    if (named.contains(root)) continue;
    const PageType type = file_.TypeOf(root);
    const bool is_table = type == PageType::kTableLeaf || type == PageType::kTableInner;
    if (is_table) TRY(GuessTable(root));
    if (!is_table) indexes.push_back(root);
  }
  if (counters_ != 0) TRY(ReadCounters());
  for (const uint32_t root : indexes) TRY(GuessIds(root));
  return {};
}

Status Finder::GuessTable(uint32_t root) {
  uint64_t rows = 0, last = 0, collections = 0, counters = 0, numbers = 0;
  std::vector<Value> values;
  FoundRow row;
  TRY(trees_.ForEachCell(root, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
    if (!ParseRecord(cell.payload, &values)) return {};
    const auto rowid = static_cast<uint64_t>(cell.rowid);
    if (AsRecord(values, rowid, &row)) {
      ++rows;
      last = std::max(last, rowid);
    } else if (CollectionFrom(1, values)) {
      ++collections;
    } else if (values.size() == 3 && values[1].IsInteger() && values[2].IsInteger()) {
      ++counters;
    } else if (values.size() == 2 && values[0].IsText() && values[1].IsInteger()) {
      ++numbers;
    }
    return {};
  }));
  if (rows > 0) roots_[UINT32_MAX - root].table = root;  // NameTheNameless() gives it its number
  if (rows == 0 && collections > 0) collections_ = root;
  if (rows == 0 && collections == 0 && counters > 0) counters_ = root;
  if (rows == 0 && collections == 0 && counters == 0 && numbers > 0) numbers_ = root;
  return {};
}

// An index of ids belongs to the table where its entries lead to records with these ids.
Status Finder::GuessIds(uint32_t root) {
  std::map<int64_t, std::string> some;
  std::vector<Value> values;
  TRY(trees_.ForEachCell(root, /*is_table=*/false, [&](const FoundCell& cell) -> Status {
    const bool shaped = some.size() < 64 && ParseRecord(cell.payload, &values) &&
                        values.size() == 2 && values[0].IsText() && values[1].IsInteger();
    if (shaped) some[values[1].integer] = values[0].text();
    return {};
  }));
  FoundRow row;
  for (auto& [number, roots] : roots_) {
    if (roots.ids != 0 || roots.table == 0) continue;
    uint64_t matches = 0;
    TRY(trees_.ForEachCell(roots.table, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
      const auto found = some.find(cell.rowid);
      if (found == some.end() || !ParseRecord(cell.payload, &values)) return {};
      if (AsRecord(values, static_cast<uint64_t>(cell.rowid), &row) &&
          row.row.id == found->second) {
        ++matches;
      }
      return {};
    }));
    if (matches * 2 > some.size()) {
      roots.ids = root;
      return {};
    }
  }
  return {};
}

Status Finder::ReadCounters() {
  std::vector<Value> values;
  return trees_.ForEachCell(counters_, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
    const bool shaped = cell.trust == Trust::kWhole && ParseRecord(cell.payload, &values) &&
                        values.size() == 3 && values[1].IsInteger() && values[2].IsInteger() &&
                        cell.rowid >= 0 && cell.rowid < UINT32_MAX;
    if (!shaped || values[1].integer < 0 || values[2].integer < 0) return {};
    if (cell.rowid == 0) findings_.sequence = static_cast<uint64_t>(values[1].integer);
    counters_read_[static_cast<uint32_t>(cell.rowid)] = {
        static_cast<uint64_t>(values[1].integer),
        static_cast<store::RecordNumber>(std::min<int64_t>(values[2].integer, UINT32_MAX))};
    return {};
  });
}

Status Finder::ReadNumbers() {
  std::vector<Value> values;
  return trees_.ForEachCell(numbers_, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
    const bool shaped = cell.trust == Trust::kWhole && ParseRecord(cell.payload, &values) &&
                        values.size() == 2 && values[0].IsText() && values[1].IsInteger() &&
                        values[0].text() == "collections" && values[1].integer < INT32_MAX;
    if (shaped)
      findings_.last_number = static_cast<uint32_t>(std::max<int64_t>(values[1].integer, 0));
    return {};
  });
}

const model::Collection* Finder::Known(uint32_t number, const std::optional<Uuid>& id) const {
  for (const model::Collection& each : known_) {
    if (each.number == number && (!id || each.id == *id)) return &each;
  }
  return nullptr;
}

Status Finder::ReadProof(uint32_t root, std::map<uint32_t, std::string>* proof) {
  if (root == 0) return {};
  std::vector<Value> values;
  return trees_.ForEachCell(root, /*is_table=*/false, [&](const FoundCell& cell) -> Status {
    const bool shaped = cell.trust == Trust::kWhole && ParseRecord(cell.payload, &values) &&
                        values.size() == 2 && values[0].IsText() && values[1].IsInteger() &&
                        values[1].integer > 0 && values[1].integer < UINT32_MAX;
    if (shaped) (*proof)[static_cast<uint32_t>(values[1].integer)] = values[0].text();
    return {};
  });
}

// What lies on a damaged page has no proof but its indexes: where these agree with id and name, the
// rest is taken if it can be read at all; but metadata, in which any text makes sense, is not.
Status Finder::ReadCollections() {
  std::map<uint32_t, std::string> ids, names;
  TRY(ReadProof(ids_index_, &ids));
  TRY(ReadProof(names_index_, &names));
  for (const auto& [number, id] : ids) Of(number);
  std::vector<Value> values;
  TRY(trees_.ForEachCell(collections_, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
    if (cell.rowid <= 0 || cell.rowid >= UINT32_MAX || !ParseRecord(cell.payload, &values))
      return {};
    const auto number = static_cast<uint32_t>(cell.rowid);
    std::optional<model::Collection> info = CollectionFrom(number, values);
    if (!info) return {};
    if (cell.trust != Trust::kWhole) {
      if (ids[number] != info->id.ToString() || names[number] != info->name) return {};
      if (const model::Collection* known = Known(number, info->id))
        info = *known;
      else if (info->metadata) {
        info->metadata.reset();
        findings_.messages.push_back("collection " + info->name + " has lost its metadata");
      }
    }
    Of(number).info = std::move(info);
    return {};
  }));
  for (FoundCollection& each : findings_.collections) {
    if (each.info) continue;
    const std::optional<Uuid> id = Uuid::Parse(ids[each.number]);
    if (const model::Collection* known = Known(each.number, id)) each.info = *known;
    if (each.info || !id || names[each.number].empty()) continue;
    const model::IndexDescription index = TRY(model::DescribeIndex(nullptr, nullptr, nullptr));
    each.info = model::Collection{*id,        each.number,         names[each.number], {},
                                  index.hnsw, index.configuration, index.schema,       {}};
    findings_.messages.push_back("collection " + each.info->name +
                                 " has lost its settings; it has the usual ones now");
  }
  return {};
}

uint32_t Finder::NumberByCounters(uint64_t rows, uint64_t last) const {
  uint32_t number = 0;
  for (const auto& [each, counters] : counters_read_) {
    if (each == 0 || roots_.contains(each)) continue;
    if (counters.records != rows || counters.last_record < last) continue;
    if (number != 0) return 0;  // more than one would do
    number = each;
  }
  return number;
}

// Tables that only their contents gave away get the number whose counters fit, or a new one; and
// every table becomes a collection.
Status Finder::NameTheNameless() {
  uint32_t fresh =
      std::max(findings_.last_number, counters_read_.empty() ? 0 : counters_read_.rbegin()->first);
  std::map<uint32_t, Roots> roots = std::move(roots_);
  roots_.clear();
  for (const auto& [number, each] : roots) {
    if (number <= INT32_MAX) roots_[number] = each;
  }
  for (const auto& [number, each] : roots) {
    if (number <= INT32_MAX) continue;
    uint64_t rows = 0, last = 0;
    TRY(trees_.ForEachCell(each.table, /*is_table=*/true, [&](const FoundCell& cell) -> Status {
      ++rows;
      last = std::max(last, static_cast<uint64_t>(cell.rowid));
      return {};
    }));
    const uint32_t fits = NumberByCounters(rows, last);
    roots_[fits != 0 ? fits : ++fresh] = each;
  }
  for (const auto& [number, each] : roots_) {
    FoundCollection& collection = Of(number);
    collection.table_root = each.table;
    collection.ids_root = each.ids;
  }
  for (FoundCollection& each : findings_.collections) {
    const auto counters = counters_read_.find(each.number);
    if (counters != counters_read_.end()) each.counters = counters->second;
    if (!each.info) {
      if (const model::Collection* known = Known(each.number, std::nullopt)) each.info = *known;
    }
  }
  std::sort(findings_.collections.begin(), findings_.collections.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return {};
}

}  // namespace

Result<Findings> FindTables(DamagedFile& file, Trees& trees,
                            const std::vector<model::Collection>& known) {
  return Finder(file, trees, known).Run();
}

}  // namespace pannier::salvage
