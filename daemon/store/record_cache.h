// What queries read lately of one collection's records: ids, metadata, URIs and documents, checked
// when they were read, so that who is near to one query need not be fetched for the next.
//
// Right at every sequence: an entry says as of which commit it was read; the writer takes out what
// it is about to change, and until that is visible nothing older is taken in. The least recently
// found go first.
// Threads: any; NoteChange() by the write queue's leader. Calls take under a microsecond.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "daemon/index/vector_index.h"
#include "daemon/store/record_table.h"
#include "lib/core/mutex.h"

namespace pannier::store {

class RecordCache {
 public:
  // A record larger than this is read from the file each time.
  static constexpr uint64_t kRecordBytesMax = 256ull << 10;

  // A record as it was read; lives as long as somebody holds it.
  class Record {
   public:
    Record() = default;  // none
    explicit Record(const Row& row);
    explicit operator bool() const { return bytes_ != nullptr; }
    Row row() const;  // without its vector; views into this

   private:
    std::shared_ptr<const char[]> bytes_;
  };

  // The record as of `at`; none: not known here.
  Record Find(RecordNumber number, index::Sequence at);
  // Takes in what was read as of `at`, if it is small and nothing has been changed since. All
  // entries together then take at most `bytes_max`.
  void Keep(const Row& row, index::Sequence at, uint64_t bytes_max);
  // The commit `coming` changes or removes this record. Before it is visible.
  void NoteChange(RecordNumber number, index::Sequence coming);
  void Clear();
  // Of all entries, with what it takes to find them.
  uint64_t memory_bytes() const;

 private:
  struct Entry {
    RecordNumber number;
    index::Sequence read_at;
    Record record;
  };
  using Entries = std::list<Entry>;  // most recently found first
  static uint64_t BytesOf(const Row& row);
  // Moves it to `gone`, which ends outside the lock.
  void TakeOut(Entries::iterator entry, Entries* gone) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  std::unordered_map<RecordNumber, Entries::iterator> by_number_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  index::Sequence changed_at_ GUARDED_BY(mutex_) = 0;  // by the newest change of any record
};

}  // namespace pannier::store
