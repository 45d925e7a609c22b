#include "daemon/store/record_cache.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace pannier::store {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

uint32_t LengthOf(std::optional<std::string_view> text) {
  return text ? static_cast<uint32_t>(text->size()) : kNone;
}

// In front of the texts, which follow one another.
struct Head {
  RecordNumber number;
  uint32_t id, metadata, uri, document;  // lengths; kNone: null
};

// Of a record as it is kept: its head and its texts.
size_t BlockBytes(const Row& row) {
  size_t bytes = sizeof(Head) + row.id.size();
  for (const auto& text : {row.metadata, row.uri, row.document}) bytes += text ? text->size() : 0;
  return bytes;
}

}  // namespace

RecordCache::Record::Record(const Row& row) {
  const Head head{row.number, LengthOf(row.id), LengthOf(row.metadata), LengthOf(row.uri),
                  LengthOf(row.document)};
  const auto bytes = std::make_shared_for_overwrite<char[]>(BlockBytes(row));
  std::memcpy(bytes.get(), &head, sizeof(head));
  char* end = bytes.get() + sizeof(head);
  for (const auto& text : {std::optional(row.id), row.metadata, row.uri, row.document}) {
    if (text && !text->empty()) std::memcpy(end, text->data(), text->size());
    if (text) end += text->size();
  }
  bytes_ = bytes;
}

Row RecordCache::Record::row() const {
  Head head;
  std::memcpy(&head, bytes_.get(), sizeof(head));
  const char* next = bytes_.get() + sizeof(head);
  const auto take = [&next](uint32_t length) -> std::optional<std::string_view> {
    if (length == kNone) return std::nullopt;
    return std::string_view(std::exchange(next, next + length), length);
  };
  Row row;
  row.number = head.number;
  row.id = take(head.id).value_or("");
  row.metadata = take(head.metadata);
  row.uri = take(head.uri);
  row.document = take(head.document);
  return row;
}

uint64_t RecordCache::BytesOf(const Row& row) {
  // The block's own head and count, a list's node, a map's node and place.
  constexpr uint64_t kToFind = 48 + 64 + 40;
  return BlockBytes(row) + kToFind;
}

RecordCache::Record RecordCache::Find(RecordNumber number, index::Sequence at) {
  MutexLock lock(mutex_);
  const auto found = by_number_.find(number);
  // Read later than `at`, it may have been another then.
  if (found == by_number_.end() || found->second->read_at > at) return {};
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->record;
}

void RecordCache::TakeOut(Entries::iterator entry, Entries* gone) {
  bytes_ -= BytesOf(entry->record.row());
  by_number_.erase(entry->number);
  gone->splice(gone->end(), entries_, entry);
}

void RecordCache::Keep(const Row& row, index::Sequence at, uint64_t bytes_max) {
  const uint64_t bytes = BytesOf(row);
  if (bytes > std::min(kRecordBytesMax, bytes_max)) return;
  Record record(row);
  Entries gone;
  MutexLock lock(mutex_);
  if (at < changed_at_ || by_number_.contains(row.number)) return;
  while (bytes_ + bytes > bytes_max) TakeOut(std::prev(entries_.end()), &gone);
  entries_.push_front({row.number, at, std::move(record)});
  by_number_[row.number] = entries_.begin();
  bytes_ += bytes;
}

void RecordCache::NoteChange(RecordNumber number, index::Sequence coming) {
  Entries gone;
  MutexLock lock(mutex_);
  changed_at_ = coming;
  const auto found = by_number_.find(number);
  if (found != by_number_.end()) TakeOut(found->second, &gone);
}

void RecordCache::Clear() {
  Entries old;  // freed outside the lock
  decltype(by_number_) numbers;
  MutexLock lock(mutex_);
  old.swap(entries_);
  numbers.swap(by_number_);
  bytes_ = 0;
}

uint64_t RecordCache::memory_bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace pannier::store
