#include "daemon/index/float_rows.h"

#include <algorithm>

#include "daemon/index/huge_pages.h"
#include "lib/core/check.h"
#include "lib/file/checksum.h"

namespace pannier::index {
namespace {

std::string_view BytesOf(const float* row, size_t count) {
  return {reinterpret_cast<const char*>(row), count * sizeof(float)};
}

uint32_t SumOf(std::string_view row) { return static_cast<uint32_t>(file::Checksum(row)); }

}  // namespace

FloatRows::FloatRows(uint32_t dimension, Scratch scratch)
    : dimension_(dimension),
      scratch_(std::move(scratch)),
      unit_(static_cast<uint32_t>(std::max<uint64_t>(scratch_.moved_bytes / RowBytes(), 1))),
      rows_(dimension, scratch_.make ? Pages::kSmall : Pages::kHuge),
      moves_at_(scratch_.memory_bytes_max / RowBytes() + unit_) {}

bool FloatRows::HasFile() {
  if (file_ == nullptr) file_ = scratch_.make();
  return file_ != nullptr;
}

void FloatRows::Append(std::span<const float> vector) {
  CHECK(vector.size() == dimension_);
  rows_.Extend(size_ + 1);
  std::copy(vector.begin(), vector.end(), rows_[size_]);
  ++size_;
  if (!scratch_.make || size_ < moves_at_) return;
  MoveToFile();
  moves_at_ = size_ + unit_;
}

void FloatRows::MoveToFile() {
  MutexLock lock(file_mutex_);
  if (!HasFile()) return;
  for (uint32_t row = in_file_.load(); row < size_;) {
    const uint32_t run = std::min(ChunkedArray<float>::RunLength(row), size_ - row);
    sums_.Extend(row + run);
    for (uint32_t i = row; i < row + run; ++i) *sums_[i] = SumOf(BytesOf(rows_[i], dimension_));
    // A full disk, as a rule: they stay where they are.
    if (!file_->WriteAt(row * RowBytes(), BytesOf(rows_[row], size_t{run} * dimension_)).ok())
      return;
    in_file_.store(row + run);
    given_back_ += GiveBackPages(rows_[row], run * RowBytes());
    row += run;
  }
}

void FloatRows::AppendAbsent(uint32_t count) {
  CHECK(size_ == 0);
  rows_.ExtendUnset(count);
  filled_ = std::make_unique<std::atomic<uint64_t>[]>(count / 64 + 1);
  size_ = absent_ = count;
  if (!scratch_.make || count * RowBytes() <= scratch_.memory_bytes_max) return;
  MutexLock lock(file_mutex_);
  if (!HasFile()) return;
  sums_.ExtendUnset(count);
  in_file_.store(count);
  given_back_.store(rows_.bytes());  // nothing was touched
  moves_at_ = size_ + unit_;
}

bool FloatRows::Fill(uint32_t row, std::span<const float> vector) {
  CHECK(row < absent_ && vector.size() == dimension_);
  MutexLock lock(file_mutex_);  // nothing is moved meanwhile
  if (row < in_file_.load(std::memory_order_relaxed)) {
    const std::string_view bytes = BytesOf(vector.data(), dimension_);
    if (!file_->WriteAt(row * RowBytes(), bytes).ok()) return false;
    *sums_[row] = SumOf(bytes);
  } else {
    std::copy(vector.begin(), vector.end(), rows_[row]);
  }
  filled_[row / 64].fetch_or(uint64_t{1} << (row % 64), std::memory_order_release);
  return true;
}

bool FloatRows::Read(uint32_t row, std::span<float> into) const {
  CHECK(into.size() == dimension_);
  if (const float* memory = InMemory(row)) {
    std::copy_n(memory, dimension_, into.begin());
    if (IsStillInMemory(row)) return true;
  }
  const std::span<char> bytes(reinterpret_cast<char*>(into.data()), RowBytes());
  const Result<size_t> read = file_->ReadAt(row * RowBytes(), bytes);
  const bool good =
      read.ok() && *read == bytes.size() && SumOf({bytes.data(), bytes.size()}) == *sums_[row];
  if (!good) broken_.store(true, std::memory_order_relaxed);
  return good;
}

uint64_t FloatRows::bytes() const {
  const uint64_t given_back = given_back_.load(std::memory_order_relaxed);
  const uint64_t touched = rows_.bytes();
  return touched - std::min(given_back, touched) + sums_.bytes();
}

}  // namespace pannier::index
