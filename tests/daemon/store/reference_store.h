// The meaning of a store in its plainest form: lists in memory, everything by walking. The
// property test holds the real one against it.
// Threads: one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/model/records.h"
#include "daemon/store/store.h"
#include "tests/daemon/store/fixture.h"

namespace pannier::store {

struct ReferenceCollection {
  Uuid id;
  std::optional<std::string> metadata;
  model::Space space = model::Space::kL2;
  std::optional<uint32_t> dimension;
  std::vector<Record> records;  // in insertion order

  Record* Find(const std::string& id);
  Status Write(model::WriteKind kind, const std::vector<Record>& batch);
  uint64_t Delete(const model::Selection& selection, std::optional<uint32_t> limit);
  std::vector<const Record*> Select(const model::Selection& selection) const;
  // `include`: all but distances.
  std::vector<Record> Get(const model::GetRequest& request) const;
  Result<std::vector<Found>> Query(const std::vector<float>& vector, uint32_t k,
                                   const model::Selection& selection) const;
};

bool Matches(const model::Filter& filter, const Record& record);
double DistanceOf(model::Space space, const std::vector<float>& a, const std::vector<float>& b);

// By name; ids are the real store's.
using ReferenceStore = std::map<std::string, ReferenceCollection>;

}  // namespace pannier::store
