// Which databases and collections a Chroma directory has. Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/model/configuration.h"
#include "daemon/model/metadata.h"
#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::rescue {

struct ChromaCollection {
  std::string id, name;
  std::optional<uint32_t> dimension;
  model::Metadata metadata;
  model::IndexDescription index;
  std::string vector_segment, metadata_segment;  // ids; empty: none known
  // Up to which queue entry each segment has taken everything in; nothing: not known.
  std::optional<int64_t> vectors_until, metadata_until;
  std::vector<std::string> messages;
};

struct ChromaDatabase {
  std::string tenant, name;
  std::vector<ChromaCollection> collections;
};

// By tenant and name; collections by name. With `repaired`, parents that are gone get names in
// their place.
Result<std::vector<ChromaDatabase>> ReadCatalog(store::Connection& connection, bool repaired,
                                                std::vector<std::string>* messages);

// A number of the queue: an integer, or, as Chroma before 1.0 wrote it, eight bytes.
std::optional<int64_t> SequenceOf(const store::Statement& row, int column);

}  // namespace pannier::rescue
