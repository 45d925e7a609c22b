// The pages of a damaged store, each in its best version, and who owns them.
//
// A page's owner is the root of the tree that it belongs to. The pointer map names each page's
// parent, and so do whole inner pages; both are asked, so that neither is missed alone.
// Memory: 10 bytes for each page, and the pages that were repaired. Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/salvage/btree_page.h"
#include "daemon/store/page_walk.h"
#include "daemon/store/store_check.h"
#include "lib/core/result.h"

namespace pannier::salvage {

enum class Trust : uint8_t {
  kWhole,   // its checksum says so, or (format 1) nothing is known against it
  kBroken,  // it fails its checksum
  kAbsent,  // it is not in the file
};

class DamagedFile {
 public:
  // Reads all pages once.
  //   kNotFound  there is no such file
  static Result<DamagedFile> Open(const std::string& path, const std::string& vfs,
                                  const store::Progress& progress);
  // `progress` is told of this share of the work: one part of so many.
  static constexpr uint64_t kProgressShare = 3;

  uint32_t pages() const { return pages_.pages(); }
  uint64_t bytes() const { return pages_.bytes(); }
  uint32_t usable() const { return usable_; }
  bool has_checksums() const { return pages_.has_checksums(); }
  uint64_t repaired() const { return repaired_.size(); }
  uint64_t broken() const { return broken_; }  // pages, those that are absent too

  Trust TrustOf(uint32_t number) const { return trust_[number]; }
  PageType TypeOf(uint32_t number) const { return types_[number]; }
  bool IsInUse(uint32_t number) const;  // neither free nor a map nor locked
  bool IsOverflow(uint32_t number) const;
  // 0: it cannot be told.
  uint32_t OwnerOf(uint32_t number) const;
  std::vector<uint32_t> Roots() const;  // but page 1, of the schema
  // Somebody who knows says that this page is a root.
  void KnowRoot(uint32_t number) {
    if (number <= pages()) map_types_[number] = kRoot;
  }

  Result<Trust> Read(uint32_t number, std::vector<std::byte>* page) const;
  // The whole payload of a cell. kBroken: a page that fails its checksum has a part in it; kAbsent:
  // it cannot be put together.
  Result<Trust> ReadPayload(const Cell& cell, std::vector<std::byte>* payload) const;

 private:
  explicit DamagedFile(store::PageWalk pages) : pages_(std::move(pages)) {}
  Status ReadAll(const store::Progress& progress);
  bool Recognise(uint32_t number, Page page);
  void TakePage(uint32_t number, store::PageSource source, Page page);
  void TakeMap(uint32_t number, Page page);
  void TakeChildren(uint32_t number, Page page);
  bool IsMap(uint32_t number) const;

  // What the pointer map says of a page.
  enum MapType : uint8_t {
    kUnknown = 0,
    kRoot = 1,
    kFree = 2,
    kFirstOverflow = 3,
    kLaterOverflow = 4,
    kTree = 5
  };

  store::PageWalk pages_;
  uint32_t usable_ = 0;
  uint64_t broken_ = 0;
  size_t strangers_tried_ = 0, repairs_tried_ = 0;
  std::vector<Trust> trust_;     // all by page number
  std::vector<PageType> types_;  // as the page itself says
  std::vector<MapType> map_types_;
  std::vector<uint32_t> map_parents_, tree_parents_;  // 0: not known
  std::map<uint32_t, std::vector<std::byte>> repaired_;
  std::map<uint32_t, uint32_t> overflow_after_;  // only of broken pages, by their map
};

}  // namespace pannier::salvage
