#include "daemon/index/attribute_index.h"

#include <algorithm>

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

}  // namespace

struct AttributeIndex::View::Pinned {
  std::shared_ptr<const AttributeRows> rows;
  VersionedRows::Look look;
};

Result<RecordSet> AttributeIndex::View::Match(const model::Filter& filter,
                                              DocumentSource& documents) const {
  const Pinned& in = *pinned_;
  const CompiledFilter compiled = TRY(CompiledFilter::Compile(filter, *in.rows));
  std::vector<RecordNumber> passing;
  std::vector<RecordNumber> undecided;
  in.rows->versions().ForEachVisible(in.look, 0, [&](uint32_t row, RecordNumber record) {
    switch (compiled.Test(in.rows->Cells(row))) {
      case CompiledFilter::Verdict::kYes:
        passing.push_back(record);
        break;
      case CompiledFilter::Verdict::kUnknown:
        undecided.push_back(record);
        break;
      case CompiledFilter::Verdict::kNo:
        break;
    }
  });
  if (!undecided.empty()) {
    TRY(documents.Visit(ToSet(&undecided),
                        [&](RecordNumber record, std::optional<std::string_view> document) {
                          const uint32_t row = in.rows->versions().Find(in.look, record);
                          if (row != kNoRow && compiled.Test(in.rows->Cells(row), document))
                            passing.push_back(record);
                        }));
  }
  return ToSet(&passing);
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
    return pinned;
  }

 private:
  std::shared_ptr<AttributeRows> writer_rows_ = std::make_shared<AttributeRows>();

  mutable Mutex mutex_;  // held for copies of the pointer only
  std::shared_ptr<const AttributeRows> rows_ GUARDED_BY(mutex_) = writer_rows_;
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
  MutexLock lock(mutex_);
  rows_ = std::move(fresh);
  return true;
}

AttributeIndex::AttributeIndex() : impl_(std::make_unique<Impl>()) {}
AttributeIndex::~AttributeIndex() = default;

void AttributeIndex::Put(Sequence at, RecordNumber record, const model::Metadata* metadata) {
  impl_->writer_rows().Put(at, record, metadata);
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
  return sizeof(Impl) + sizeof(AttributeRows) + impl_->Pin()->rows->bytes();
}

}  // namespace pannier::index
