// The files of one HNSW segment, as far as they hold vectors: header.bin, data_level0.bin (links,
// vector and label of each element) and length.bin (what each vector was divided by; cosine only).
//
// Nothing they say is believed that does not fit the files' sizes and the collection's dimension;
// where the header is gone, the collection's own numbers take its place. Threads: one at a time.
// Memory: a block of 1 MiB.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::rescue {

class HnswFolder {
 public:
  struct Expected {
    std::optional<uint32_t> dimension;  // of the collection; nothing: not known
    uint32_t max_neighbors = 16;
    bool cosine = false;
  };
  struct Element {
    uint64_t number = 0;  // place in the file
    uint64_t label = 0;
    bool deleted = false;
  };

  //   kNotFound    there is no data_level0.bin
  //   kCorruption  its layout cannot be made out
  static Result<HnswFolder> Open(file::FileSystem& files, const file::Path& folder,
                                 const Expected& expected);

  // Sentences about what is wrong with the files.
  const std::vector<std::string>& problems() const { return problems_; }
  uint32_t dimension() const { return dimension_; }
  // How many elements are there to be read.
  uint64_t elements() const { return elements_; }
  // Calls for each element in the file, in order.
  Status Scan(const std::function<void(const Element&)>& visit) const;
  // The vector as Chroma would answer it.
  //   kCorruption  it has numbers that no vector has, or cannot be scaled back
  Status Vector(uint64_t number, std::vector<float>* into) const;

 private:
  struct Layout {
    uint64_t bytes_per_element = 0, vector_at = 0, label_at = 0;
    std::optional<uint64_t> count;
  };
  HnswFolder() = default;
  void Choose(file::FileSystem& files, const file::Path& folder, const Expected& expected);
  std::optional<Layout> ReadHeader(const std::string& bytes, const Expected& expected) const;
  void OpenLengths(file::FileSystem& files, const file::Path& folder);
  Result<float> Length(uint64_t number) const;

  Layout layout_;
  bool cosine_ = false;
  uint32_t dimension_ = 0;
  uint64_t elements_ = 0, lengths_ = 0;
  std::unique_ptr<file::File> data_, length_file_;
  std::vector<std::string> problems_;
};

}  // namespace pannier::rescue
