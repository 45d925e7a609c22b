#include "daemon/index/record_set.h"

#include <roaring/roaring.hh>
#include <utility>

namespace pannier::index {

struct RecordSet::Bitmap {
  Roaring records;
};

RecordSet::RecordSet() : bitmap_(std::make_unique<Bitmap>()) {}
RecordSet::RecordSet(const RecordSet& other) : bitmap_(std::make_unique<Bitmap>(*other.bitmap_)) {}
// The moved-from set is empty and usable, as a value should be.
RecordSet::RecordSet(RecordSet&& other) noexcept
    : bitmap_(std::exchange(other.bitmap_, std::make_unique<Bitmap>())) {}
RecordSet& RecordSet::operator=(RecordSet other) {
  std::swap(bitmap_, other.bitmap_);
  return *this;
}
RecordSet::~RecordSet() = default;

RecordSet RecordSet::Of(const std::vector<RecordNumber>& records) {
  RecordSet set;
  set.bitmap_->records.addMany(records.size(), records.data());
  return set;
}

void RecordSet::Add(RecordNumber record) { bitmap_->records.add(record); }
bool RecordSet::Contains(RecordNumber record) const { return bitmap_->records.contains(record); }
uint64_t RecordSet::Count() const { return bitmap_->records.cardinality(); }
bool RecordSet::empty() const { return bitmap_->records.isEmpty(); }
RecordNumber RecordSet::First() const { return bitmap_->records.minimum(); }
RecordNumber RecordSet::Last() const { return bitmap_->records.maximum(); }
void RecordSet::IntersectWith(const RecordSet& other) {
  bitmap_->records &= other.bitmap_->records;
}
void RecordSet::UniteWith(const RecordSet& other) { bitmap_->records |= other.bitmap_->records; }
void RecordSet::Subtract(const RecordSet& other) { bitmap_->records -= other.bitmap_->records; }

void RecordSet::ForEach(const std::function<bool(RecordNumber)>& visit) const {
  bitmap_->records.iterate(
      [](uint32_t record, void* context) {
        return (*static_cast<const std::function<bool(RecordNumber)>*>(context))(record);
      },
      const_cast<void*>(static_cast<const void*>(&visit)));
}

std::vector<RecordNumber> RecordSet::ToVector() const {
  std::vector<RecordNumber> records(Count());
  if (!records.empty()) bitmap_->records.toUint32Array(records.data());
  return records;
}

bool RecordSet::operator==(const RecordSet& other) const {
  return bitmap_->records == other.bitmap_->records;
}

}  // namespace pannier::index
