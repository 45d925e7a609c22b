// Which label of an HNSW segment is which record: `index_metadata.pickle`.
//
// Chroma 1.x writes a pickled dictionary, Chroma 0.x a pickled object with the same members. The
// reader knows the few opcodes that these need, builds values of four kinds and runs nothing; a
// file that is torn, or goes on with what it does not know, gives what was whole before.
// Threads: pure. Memory: about twice the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pannier::rescue {

struct IdMap {
  std::unordered_map<uint64_t, std::string> ids;  // by label
  std::string problem;                            // empty: the file was read to its end

  bool whole() const { return problem.empty(); }
};

IdMap ReadIdMap(std::string_view pickle);

}  // namespace pannier::rescue
