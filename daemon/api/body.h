// The JSON body of a request: parsed, and taken apart field by field.
// Errors: kInvalidArgument where the text is no JSON (400), kMalformed where it has the wrong shape
// (422). Paths in messages are as a programmer would write them: `metadatas[3].k`.
// Threads: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"
#include "lib/http/message.h"
#include "lib/json/reader.h"

namespace pannier::api {

using Field = std::optional<json::Value>;

// Parses the body into `document`, which outlives the value.
Result<json::Value> ParseBody(const http::Request& request, json::Document& document);

// The named fields of an object; others are passed over. A field given twice is malformed, as the
// server could only guess which one was meant.
Status ReadFields(const json::Value& body, std::span<const std::string_view> names,
                  std::span<Field> fields);
template <size_t N>
Result<std::array<Field, N>> ReadFields(const json::Value& body,
                                        const std::string_view (&names)[N]) {
  std::array<Field, N> fields;
  TRY(ReadFields(body, names, fields));
  return fields;
}

// The field, with null as good as absent.
inline Field Given(const Field& field) { return field && !field->is_null() ? field : Field(); }

Error MissingField(std::string_view name);
Error WrongType(std::string_view path, std::string_view expected);
// Where one of a few words is due and neither a string nor an object stands: to Chroma's parser
// that is no JSON.
Error NoWord(std::string_view path);

Result<std::string> ReadString(const json::Value& value, std::string_view path);
// An integer of 0 … 2^32-1.
Result<uint32_t> ReadUint32(const json::Value& value, std::string_view path);
// A list of strings.
Result<std::vector<std::string>> ReadStrings(const json::Value& value, std::string_view path);

// "ids[3]"
std::string Indexed(std::string_view name, size_t index);

}  // namespace pannier::api
