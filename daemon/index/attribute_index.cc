#include "daemon/index/attribute_index.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>

#include "daemon/index/attribute_caches.h"
#include "daemon/index/attribute_rows.h"
#include "daemon/index/filter_evaluator.h"
#include "lib/core/mutex.h"

namespace pannier::index {
namespace {

constexpr uint64_t kCompactDeadMin = 1'024;

// Rows are mostly in the order of their records, but an upsert moves a record to the end.
RecordSet ToSet(std::vector<RecordNumber>* records) {
  if (!std::is_sorted(records->begin(), records->end())) {
    std::sort(records->begin(), records->end());
  }
  return RecordSet::Of(*records);
}

// Rows that are tested one by one before a column is worth its sorting, and a share of its rows.
constexpr uint32_t kColumnTail = 1'024;
constexpr uint32_t kColumnTailShare = 16;
constexpr uint32_t kTextTail = 128;
constexpr uint64_t kTextRowBytes = 512;  // a guess, before any was read

// The numbers of the keys that a filter tests and that some row has.
std::set<uint32_t> KeysOf(const model::Filter& filter, const AttributeRows& rows) {
  std::set<uint32_t> keys;
  for (const model::Filter& child : filter.children) keys.merge(KeysOf(child, rows));
  const bool tests_key =
      filter.op >= model::FilterOp::kEq && filter.op < model::FilterOp::kDocumentContains;
  if (!tests_key) return keys;
  if (const auto* entry = rows.keys().Find(filter.key)) keys.insert(entry->number);
  return keys;
}

bool IsColumnWanted(const AttributeColumn* column, const VersionedRows::Look& look) {
  const uint32_t covered = column != nullptr ? column->covered() : 0;
  return look.end > covered + std::max(kColumnTail, covered / kColumnTailShare);
}

bool IsTextWanted(const TextSignatures& text, const VersionedRows::Look& look) {
  return look.end > text.covered() + kTextTail;
}

// The signatures with those of the next rows, up to the end of a block.
Result<std::shared_ptr<const TextSignatures>> SignBlock(const TextSignatures& text,
                                                        const VersionedRows& versions,
                                                        const VersionedRows::Look& look,
                                                        DocumentSource& documents) {
  TextSignatures::Appender appender(text);
  const uint32_t begin = text.covered();
  const uint32_t end = std::min(look.end, begin + appender.room());
  RecordSet records;
  for (uint32_t row = begin; row < end; ++row) {
    if (versions.VisibleBelowEnd(look, row)) records.Add(versions.RecordOf(row));
  }
  std::unordered_map<RecordNumber, std::optional<std::string>> read;
  TRY(documents.Visit(records, [&](RecordNumber record, std::optional<std::string_view> document) {
    read[record] = document ? std::optional<std::string>(*document) : std::optional<std::string>();
  }));
  for (uint32_t row = begin; row < end; ++row) {
    using Kind = TextSignatures::Kind;
    const auto found = read.find(versions.RecordOf(row));
    if (!versions.VisibleBelowEnd(look, row) || found == read.end()) {
      appender.Add(Kind::kUnread, {});
    } else if (!found->second) {
      appender.Add(Kind::kNone, {});
    } else {
      appender.Add(Kind::kText, *found->second);
    }
  }
  return appender.Finish();
}

}  // namespace

struct AttributeIndex::View::Pinned {
  std::shared_ptr<const AttributeRows> rows;
  std::shared_ptr<AttributeCaches> caches;  // of these rows
  VersionedRows::Look look;
};

// --- dividing ---

struct AttributeIndex::Division::Test {
  std::shared_ptr<const View::Pinned> in;
  CompiledFilter compiled;
};

AttributeIndex::Division::Division(std::unique_ptr<const Test> test) : test_(std::move(test)) {}
AttributeIndex::Division::Division(Division&&) noexcept = default;
AttributeIndex::Division& AttributeIndex::Division::operator=(Division&&) noexcept = default;
AttributeIndex::Division::~Division() = default;

bool AttributeIndex::Division::Passes(RecordNumber record,
                                      const std::optional<std::string_view>& document) const {
  const View::Pinned& in = *test_->in;
  const uint32_t row = in.rows->versions().Find(in.look, record);
  return row != kNoRow && test_->compiled.Test(in.rows->Cells(row), document);
}

Result<AttributeIndex::Division> AttributeIndex::View::Divide(const model::Filter& filter) const {
  const Pinned& in = *pinned_;
  CompiledFilter compiled = TRY(CompiledFilter::Compile(filter, *in.rows));
  const RowVerdicts verdicts = compiled.Decide(*in.rows, *in.caches, in.look.end);
  const VersionedRows& versions = in.rows->versions();
  std::vector<RecordNumber> passing, undecided;
  verdicts.may.ForEach(0, [&](uint32_t row) {
    if (!versions.VisibleBelowEnd(in.look, row)) return;
    (verdicts.pass.Test(row) ? passing : undecided).push_back(versions.RecordOf(row));
  });
  auto test = std::make_unique<const Division::Test>(Division::Test{pinned_, std::move(compiled)});
  Division division(std::move(test));
  division.passing = ToSet(&passing);
  division.undecided = ToSet(&undecided);
  return division;
}

Result<RecordSet> AttributeIndex::View::Match(const model::Filter& filter,
                                              DocumentSource& documents) const {
  Division division = TRY(Divide(filter));
  if (division.undecided.empty()) return std::move(division.passing);
  std::vector<RecordNumber> passing;
  TRY(documents.Visit(division.undecided,
                      [&](RecordNumber record, std::optional<std::string_view> document) {
                        if (division.Passes(record, document)) passing.push_back(record);
                      }));
  division.passing.UniteWith(ToSet(&passing));
  return std::move(division.passing);
}

// --- caches ---

uint64_t AttributeIndex::View::CacheBytesWanted(const model::Filter& filter) const {
  const Pinned& in = *pinned_;
  uint64_t bytes = 0;
  for (const uint32_t key : KeysOf(filter, *in.rows)) {
    const auto column = in.caches->Column(key);
    if (IsColumnWanted(column.get(), in.look)) {
      bytes += in.look.end * AttributeColumn::kRowBytes;
    }
  }
  if (filter.UsesDocument()) {
    const auto text = in.caches->Text();
    if (IsTextWanted(*text, in.look)) {
      const uint64_t per_row =
          text->covered() > 0 ? text->bytes() / text->covered() : kTextRowBytes;
      bytes += (in.look.end - text->covered()) * per_row;
    }
  }
  return bytes;
}

Status AttributeIndex::View::BuildCaches(const model::Filter& filter,
                                         DocumentSource& documents) const {
  const Pinned& in = *pinned_;
  const AttributeCaches::Turn turn(*in.caches);
  if (!turn.taken()) return {};
  for (const uint32_t key : KeysOf(filter, *in.rows)) {
    const auto column = in.caches->Column(key);
    if (!IsColumnWanted(column.get(), in.look)) continue;
    in.caches->Publish(key, AttributeColumn::Extended(column.get(), *in.rows, key, in.look.end));
  }
  if (!filter.UsesDocument() || !IsTextWanted(*in.caches->Text(), in.look)) return {};
  for (auto text = in.caches->Text(); text->covered() < in.look.end;) {
    text = TRY(SignBlock(*text, in.rows->versions(), in.look, documents));
    in.caches->Publish(text);
  }
  return {};
}

RecordSet AttributeIndex::View::Live() const {
  std::vector<RecordNumber> live;
  live.reserve(pinned_->look.live);
  pinned_->rows->versions().ForEachVisible(
      pinned_->look, 0, [&](uint32_t, RecordNumber record) { live.push_back(record); });
  return ToSet(&live);
}

uint64_t AttributeIndex::View::live() const { return pinned_->look.live; }

class AttributeIndex::Impl {
 public:
  AttributeRows& writer_rows() { return *writer_rows_; }
  bool Compact();
  std::shared_ptr<View::Pinned> Pin() const {
    auto pinned = std::make_shared<View::Pinned>();
    MutexLock lock(mutex_);
    pinned->rows = rows_;
    pinned->caches = caches_;
    return pinned;
  }

 private:
  std::shared_ptr<AttributeRows> writer_rows_ = std::make_shared<AttributeRows>();

  mutable Mutex mutex_;  // held for copies of the pointers only
  std::shared_ptr<const AttributeRows> rows_ GUARDED_BY(mutex_) = writer_rows_;
  std::shared_ptr<AttributeCaches> caches_ GUARDED_BY(mutex_) = std::make_shared<AttributeCaches>();
};

// Makes everything anew of the rows that live, dictionary and all: strings that only dead rows had
// go with them.
bool AttributeIndex::Impl::Compact() {
  const VersionedRows& old = writer_rows_->versions();
  CHECK(!old.is_open());
  const VersionedRows::Look look = old.Last();
  const uint64_t dead = old.dead();
  if (!old.At(look.at) || dead < kCompactDeadMin || dead * 4 < dead + look.live) return false;
  auto fresh = std::make_shared<AttributeRows>();
  old.ForEachVisible(
      look, 0, [&](uint32_t row, RecordNumber) { fresh->CopyRow(look.at, *writer_rows_, row); });
  fresh->versions().Commit(look.at);
  writer_rows_ = fresh;
  auto caches = std::make_shared<AttributeCaches>();
  MutexLock lock(mutex_);
  rows_ = std::move(fresh);
  caches_.swap(caches);
  return true;
}

AttributeIndex::AttributeIndex() : impl_(std::make_unique<Impl>()) {}
AttributeIndex::~AttributeIndex() = default;

void AttributeIndex::Put(Sequence at, RecordNumber record, const model::Metadata* metadata) {
  impl_->writer_rows().Put(at, record, metadata);
}
void AttributeIndex::TouchDocument(Sequence at, RecordNumber record) {
  impl_->writer_rows().Repeat(at, record);
}
void AttributeIndex::Remove(Sequence at, RecordNumber record) {
  impl_->writer_rows().versions().Kill(at, record);
}
void AttributeIndex::Commit(Sequence at) { impl_->writer_rows().versions().Commit(at); }
void AttributeIndex::Abort(Sequence at) { impl_->writer_rows().versions().Abort(at); }
bool AttributeIndex::Compact() { return impl_->Compact(); }

std::optional<AttributeIndex::View> AttributeIndex::At(Sequence at) const {
  const std::shared_ptr<View::Pinned> pinned = impl_->Pin();
  const std::optional<VersionedRows::Look> look = pinned->rows->versions().At(at);
  if (!look) return std::nullopt;
  pinned->look = *look;
  return View(pinned);
}

uint64_t AttributeIndex::memory_bytes() const {
  const std::shared_ptr<View::Pinned> now = impl_->Pin();
  return sizeof(Impl) + sizeof(AttributeRows) + now->rows->bytes() + now->caches->bytes();
}

}  // namespace pannier::index
