// Reads hot JSON bodies with simdjson: the whole text is checked (UTF-8, syntax, depth), integers
// stay exact.
//
// Why not nlohmann: 11 times slower on a query body. Cold JSON (configuration, schema, admin) uses
// nlohmann through cold.h. Numbers: an integer within signed 64 bits is an integer; any other
// number is a double (also integers beyond 64 bits, which plain simdjson refuses). A literal that
// overflows a double is an error of syntax. Threads: a Document belongs to one thread;
// ThreadDocument() gives each thread one that keeps its memory up to 1 MiB. Lifetime: Values and
// string views live until the next Parse() of their Document or its end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::json {

inline constexpr int kDepthMax = 128;  // nested arrays and objects; deeper is an error of syntax
inline constexpr size_t kPadding =
    64;  // bytes that must be readable behind the text given to Parse()

enum class Kind { kNull, kBool, kInt, kDouble, kString, kArray, kObject };

class Document;

// A node of the parsed text. Cheap to copy.
class Value {
 public:
  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_number() const { return kind() == Kind::kInt || kind() == Kind::kDouble; }

  // CHECK that kind() fits.
  bool AsBool() const;
  int64_t AsInt() const;
  double AsDouble() const;  // of kInt or kDouble
  std::string_view AsString() const;

  // Arrays and objects: number of children; O(children).
  size_t size() const;
  // Visits the children in order until the visitor returns false. Objects show every key as sent,
  // duplicates too.
  void ForEachElement(const std::function<bool(Value)>& visit) const;
  void ForEachMember(const std::function<bool(std::string_view key, Value)>& visit) const;
  // The last member of that key, or nothing. Null members are found.
  std::optional<Value> Find(std::string_view key) const;

  // Fast path for vectors: narrows an array of numbers to float and appends. False (and `out` as it
  // was) when an element is not a number. Values beyond float become infinities, which the caller
  // refuses.
  bool AppendFloats(std::vector<float>* out) const;

 private:
  friend class Document;
  alignas(8) unsigned char node_[16];  // a simdjson element, whose header stays out of ours
};

class Document {
 public:
  Document();
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Parses `text`, behind which kPadding bytes are readable. Previous values end.
  //   kInvalidArgument  not JSON, not UTF-8, or nested too deep; `what` says where ("… at byte 17"
  //   when known)
  Result<Value> Parse(std::string_view text);
  // The same for text without padding; copies it.
  Result<Value> ParseCopy(std::string_view text);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// This thread's own document.
Document& ThreadDocument();

}  // namespace pannier::json
