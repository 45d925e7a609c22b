// The pages of a database that nobody has open, one by one, below SQLite: each in its newest whole
// version, from the file or from its log.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>

#include "daemon/store/raw_file.h"
#include "lib/core/result.h"

namespace pannier::store {

enum class PageSource {
  kFile,
  kLog,      // of a whole commit
  kBad,      // it fails its checksum; its bytes are given all the same
  kMissing,  // it lies beyond the end of the file; its bytes are zeros
};

class PageWalk {
 public:
  // Never fails because of damage: where page 1 makes no sense, a store's page size is taken.
  // `also_beyond_damage`: whole commits that follow a damaged frame of the log count as well,
  // though SQLite would drop them.
  //   kNotFound  there is no such file
  static Result<PageWalk> Open(const std::string& path, const std::string& vfs,
                               bool also_beyond_damage = false);

  uint64_t bytes() const { return file_.size(); }  // of the file
  uint32_t page_bytes() const { return page_bytes_; }
  bool has_checksums() const { return has_checksums_; }
  uint32_t pages() const { return pages_; }  // of the database
  // A page of the file that SQLite never uses: it locks its bytes.
  bool IsLockPage(uint32_t number) const;

  // Pages count from 1.
  Result<PageSource> Read(uint32_t number, std::span<std::byte> into) const;
  using Visitor =
      std::function<Status(uint32_t number, PageSource source, std::span<const std::byte> page)>;
  // All pages in order, or those from `first` to `last`.
  Status ForEach(const Visitor& visit) const { return ForEach(1, pages_, visit); }
  Status ForEach(uint32_t first, uint32_t last, const Visitor& visit) const;

 private:
  PageWalk() = default;
  Status ReadShape();
  Status ReadLog(const std::string& path, const std::string& vfs, bool also_beyond_damage);
  Status CountPages();
  bool HasSealedPages() const;
  // `there`: how many bytes of the page lie within the file.
  PageSource Judge(uint32_t number, std::span<const std::byte> page, uint64_t there) const;

  RawFile file_, log_;
  uint32_t page_bytes_ = 0, pages_ = 0;
  bool has_checksums_ = false;
  uint32_t pages_by_log_ = 0;                             // 0: the log does not say
  std::unordered_map<uint32_t, uint64_t> frame_of_page_;  // the newest
};

}  // namespace pannier::store
