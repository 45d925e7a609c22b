// The XML that S3 servers answer with, and no more: elements, text, the five named entities and
// numeric ones. Attributes (xmlns) are read over; document types, processing instructions other
// than the declaration, CDATA and comments are refused. Trusts nothing: size, depth and number of
// elements are limited. Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"

namespace pannier::repository {

struct XmlElement {
  std::string name;  // without a namespace's prefix
  std::string text;  // its own, without its children's; entities resolved
  std::vector<XmlElement> children;

  // The first child of that name.
  const XmlElement* Find(std::string_view child) const;
  // The text of the first child of that name, or "".
  std::string_view TextOf(std::string_view child) const;
};

//   kCorruption  not such a text; says where
Result<XmlElement> ParseXml(std::string_view text);

// `text` with what XML needs escaped.
std::string EscapeXml(std::string_view text);

}  // namespace pannier::repository
