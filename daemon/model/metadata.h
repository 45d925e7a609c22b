// Metadata of records and collections: typed values as Chroma knows them.
//
// Stored and answered as canonical JSON text: the key order of the request, integers as integers,
// floats always with a decimal point or an exponent (`1.0`), -0.0 as 0.0, shortest digits that read
// back the same, no spaces. A client keeps a value's type from that alone. Threads: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "lib/core/result.h"
#include "lib/json/reader.h"

namespace pannier::model {

// The operand of a filter, and one element of an array. The order of the alternatives is part of no
// format.
using Scalar = std::variant<bool, int64_t, double, std::string>;

// monostate is JSON null: "delete this key" in update and upsert, never stored.
using MetadataValue =
    std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<bool>,
                 std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

// In the order of the request; keys are unique (the last of equal keys wins when parsed). Empty
// arrays are dropped when parsed.
using Metadata = std::vector<std::pair<std::string, MetadataValue>>;

// Canonical JSON text; nulls are left out. "{}" when nothing remains.
std::string ToJson(const Metadata& metadata);
void AppendJson(const Metadata& metadata, std::string* out);

// Reads canonical text back (what ToJson wrote, or a store holds).
//   kCorruption  it is not that
Result<Metadata> ParseStoredMetadata(std::string_view json);
// The same of an object that is a part of a larger text.
Result<Metadata> ReadStoredMetadata(const json::Value& object);

// `base` with each key of `patch` set, or deleted where null; other keys stay, new keys come last.
Metadata Merge(Metadata base, const Metadata& patch);

}  // namespace pannier::model
