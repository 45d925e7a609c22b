// A saved vector index: written beside its store when that is quiet, read when the collection is
// used again, so that a store that slept need not code its vectors and build its graph anew.
//
// Nothing depends on it. It is used only if every block has its checksum and the key (what
// collection, at which sequence, how configured) is exactly the wanted one; else it is removed, and
// the index is loaded from the rows. docs/formats/index.md has the layout.
//
// Threads: one at a time per file.
#pragma once

#include <memory>
#include <string>

#include "daemon/index/vector_index.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::store {

// Writes `<path>.new`, syncs, renames.
//   what the file system says; kUnavailable: there is nothing to save
Status SaveIndex(file::FileSystem& files, const std::string& path, const std::string& key,
                 const index::VectorIndex& vectors, index::Sequence at);

// Whether the file is led by this key: of no more than its first block anything is known then.
//   kCorruption  no; others: what the file system says
Status CheckSavedIndex(const file::File& file, const std::string& key);

// The index that was saved, with `at` as its first sequence.
//   kNotFound    there is none
//   kCorruption  it is damaged, or another key's; the caller removes it
//   others       what the file system says
Result<std::shared_ptr<index::VectorIndex>> LoadIndex(file::FileSystem& files,
                                                      const std::string& path,
                                                      const std::string& key,
                                                      const index::VectorIndex::Options& options,
                                                      index::Sequence at);

}  // namespace pannier::store
