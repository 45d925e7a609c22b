#include "daemon/index/record_map.h"

#include <bit>

namespace pannier::index {

RecordMap::~RecordMap() {
  for (int d = 0; d < static_cast<int>(directories_.size()); ++d) {
    LeafPointer* directory = directories_[d].load(std::memory_order_relaxed);
    if (directory == nullptr) continue;
    for (uint32_t i = 0; i < LeavesOf(d); ++i) delete directory[i].load(std::memory_order_relaxed);
    delete[] directory;
  }
}

RecordMap::Place RecordMap::PlaceOf(RecordNumber record) {
  const uint32_t leaf = record >> kLeafBits;
  const int directory = std::bit_width(leaf);
  const uint32_t first = directory == 0 ? 0 : 1u << (directory - 1);
  return {directory, leaf - first, record & ((1u << kLeafBits) - 1)};
}

uint32_t RecordMap::Get(RecordNumber record) const {
  const Place place = PlaceOf(record);
  const LeafPointer* directory = directories_[place.directory].load(std::memory_order_acquire);
  if (directory == nullptr) return kNoRow;
  const Leaf* leaf = directory[place.leaf].load(std::memory_order_acquire);
  if (leaf == nullptr) return kNoRow;
  return leaf->rows[place.offset].load(std::memory_order_acquire) - 1;
}

void RecordMap::Set(RecordNumber record, uint32_t row) {
  const Place place = PlaceOf(record);
  uint64_t grown = 0;
  LeafPointer* directory = directories_[place.directory].load(std::memory_order_relaxed);
  if (directory == nullptr) {
    directory = new LeafPointer[LeavesOf(place.directory)]();
    grown += LeavesOf(place.directory) * sizeof(LeafPointer);
    directories_[place.directory].store(directory, std::memory_order_release);
  }
  Leaf* leaf = directory[place.leaf].load(std::memory_order_relaxed);
  if (leaf == nullptr) {
    leaf = new Leaf();
    grown += sizeof(Leaf);
    directory[place.leaf].store(leaf, std::memory_order_release);
  }
  leaf->rows[place.offset].store(row + 1, std::memory_order_release);
  if (grown != 0) bytes_.fetch_add(grown, std::memory_order_relaxed);
}

}  // namespace pannier::index
