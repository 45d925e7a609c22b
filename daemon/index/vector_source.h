// Vectors from somewhere else than memory. Threads: one at a time.
#pragma once

#include <span>

#include "daemon/index/record_set.h"

namespace pannier::index {

// Where vectors are read whose floats are not in memory: implemented by the store over the
// reader's transaction.
class VectorSource {
 public:
  virtual ~VectorSource() = default;
  // The record's vector as of the search's sequence. False: it cannot be had, and the implementor
  // remembers why.
  virtual bool Fetch(RecordNumber record, std::span<float> into) = 0;
};

}  // namespace pannier::index
