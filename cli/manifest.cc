#include "cli/manifest.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "lib/config/value.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

bool IsNull(const std::string& text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

// Kubernetes reads YAML 1.1, where 0644 is octal.
std::optional<int64_t> Octal(const std::string& text) {
  if (text.size() < 2 || text[0] != '0') return std::nullopt;
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + 1, end, number, 8);
  if (error != std::errc() || stop != end || text[1] == '-') return std::nullopt;
  return number;
}

json ScalarOf(const config::Value& value) {
  const std::string& text = value.scalar;
  if (value.quoted) return text;
  if (IsNull(text)) return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (const auto number = Octal(text)) return *number;
  const bool may_be_number = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
  const Result<json> number = may_be_number ? pannier::json::ParseCold(text) : json();
  return number.ok() && number->is_number() ? *number : json(text);
}

json TreeOf(const config::Value& value) {
  json tree;
  switch (value.kind) {
    case config::Value::Kind::kNull:
      break;
    case config::Value::Kind::kScalar:
      return ScalarOf(value);
    case config::Value::Kind::kList:
      tree = json::array();
      for (const config::Value& item : value.items) tree.push_back(TreeOf(item));
      break;
    case config::Value::Kind::kMap:
      tree = json::object();
      for (const config::Member& member : value.members) tree[member.key] = TreeOf(member.value);
      break;
  }
  return tree;
}

// Lines of a text; each document with as many empty lines before it as put its own where they
// stand.
std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> documents(1);
  size_t line_number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    const std::string_view line = text.substr(0, end + 1);
    ++line_number;
    const bool is_mark =
        line.starts_with("---") && line.find_first_not_of(" \t\r\n", 3) == std::string_view::npos;
    if (is_mark) {
      documents.emplace_back(line_number, '\n');
    } else {
      documents.back() += line;
    }
    text.remove_prefix(line.size());
  }
  return documents;
}

}  // namespace

Result<std::vector<json>> ParseManifests(std::string_view text, std::string_view file) {
  std::vector<json> manifests;
  for (const std::string& document : Split(text)) {
    json tree = TreeOf(TRY(config::ParseYaml(document, file)));
    if (tree.is_null()) continue;
    if (manifests.size() == kDocumentsMax) {
      return InvalidArgument(std::string(file) + ": more than 1000 documents");
    }
    manifests.push_back(std::move(tree));
  }
  return manifests;
}

}  // namespace pannier::cli
