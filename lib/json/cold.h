// Cold JSON (configuration, schemas, admin): nlohmann's tree, read by our own strict reader, so
// that one set of rules (UTF-8, depth, numbers) holds for every text. No exception leaves here.
// Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "lib/json/reader.h"

namespace pannier::json {

// The tree of a value; of equal keys the last counts.
nlohmann::json ToCold(const Value& value);

//   kInvalidArgument    as Document::Parse
//   kResourceExhausted  as Document::Parse
Result<nlohmann::json> ParseCold(std::string_view text);

// The same for text that we wrote ourselves: as deep as kOwnDepthMax, whatever SetDepthMax() said.
Result<nlohmann::json> ParseOwn(std::string_view text);

// Without spaces; keys sorted. Never throws: what is not UTF-8 is replaced, NaN is null.
std::string Dump(const nlohmann::json& tree);

}  // namespace pannier::json
