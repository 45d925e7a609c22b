// A YAML document as plain values that know their line, and back to text.
//
// yaml-cpp reads and writes; no type or exception of it leaves this folder. What a configuration
// has no use for is refused rather than guessed: several documents, repeated keys, keys that are
// not plain words. Threads: plain values; the functions may be called from any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::config {

struct Member;

struct Value {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 0;                 // from 1; 0 when it comes from no file
  std::string scalar;           // of a scalar: its text, quotes and escapes resolved
  bool quoted = false;          // a scalar in quotes: text, even where it looks like a number
  std::vector<Value> items;     // of a list
  std::vector<Member> members;  // of a map, in the order of the file

  // The member of a map, or null.
  const Value* Find(std::string_view key) const;
};

struct Member {
  std::string key;
  int line = 0;
  Value value;
};

inline constexpr size_t kYamlDepthMax = 32;
inline constexpr size_t kYamlValuesMax = 10'000;  // aliases counted each time they are used

// Reads one document; an empty text is a null value. `file` is for error texts alone.
//   kInvalidArgument  "pannierd.yaml:3: …": not YAML, or past a limit above
Result<Value> ParseYaml(std::string_view text, std::string_view file);

// Block style with a final newline. Scalars are written plain where that is possible and `quoted`
// does not ask otherwise.
std::string WriteYaml(const Value& value);

}  // namespace pannier::config
