// Chroma's metadata, from the rows and the JSON that it keeps it in. Threads: pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/model/metadata.h"
#include "daemon/store/sqlite.h"
#include "lib/core/result.h"

namespace pannier::rescue {

// What belongs to a record beside its id and vector.
struct Attributes {
  std::optional<std::string> document, uri;
  model::Metadata metadata;
  bool damaged = false;  // a part was left out: not UTF-8, no value, values of mixed kinds
};

// The key in column 0, then the value as text, integer, real or truth; the first that is not null
// counts.
void AddScalar(const store::Statement& row, Attributes* into);
// The same for one element of an array; rows of one key come in the array's order.
void AddElement(const store::Statement& row, Attributes* into);

// From the queue. Nulls stay (they delete); empty arrays are nulls; sparse vectors are left out.
//   kCorruption  it is not an object of JSON
Result<Attributes> ParseQueued(std::string_view json);

}  // namespace pannier::rescue
