#include "cli/output.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "lib/config/value.h"
#include "lib/core/units.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

// Text that YAML readers would take for something else, were it not in quotes.
bool LooksLikeOther(const std::string& text) {
  static const std::vector<std::string> kWords{"true", "false", "yes", "no", "on",   "off",
                                               "null", "~",     "y",   "n",  "True", "False",
                                               "Null", "NULL",  "Yes", "No", "On",   "Off"};
  if (std::find(kWords.begin(), kWords.end(), text) != kWords.end()) return true;
  return text.find_first_not_of("0123456789+-.:_xXoOaAbBcCdDeEfF") == std::string::npos;
}

config::Value ToValue(const json& tree) {
  config::Value value;
  if (tree.is_object()) {
    value.kind = config::Value::Kind::kMap;
    for (const auto& [key, child] : tree.items()) value.members.push_back({key, 0, ToValue(child)});
  } else if (tree.is_array()) {
    value.kind = config::Value::Kind::kList;
    for (const json& item : tree) value.items.push_back(ToValue(item));
  } else if (!tree.is_null()) {
    value.kind = config::Value::Kind::kScalar;
    value.scalar =
        tree.is_string() ? tree.get_ref<const std::string&>() : pannier::json::Dump(tree);
    value.quoted = tree.is_string() && LooksLikeOther(value.scalar);
  }
  return value;
}

// SQLite's reports have many lines, and a cell has one.
std::string OnOneLine(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "; ";
    } else {
      line += c;
    }
  }
  return line;
}

std::string SecondsText(double seconds) {
  constexpr double kLongest = 3'650.0 * 86'400;
  if (seconds == 0 || std::abs(seconds) > kLongest)
    return pannier::json::Dump(std::llround(seconds)) + " s";
  const auto nanoseconds = std::chrono::nanoseconds(std::llround(std::abs(seconds) * 1e9));
  return (seconds < 0 ? "-" : "") + FormatDuration(nanoseconds);
}

// A cell for people.
std::string ToText(const std::string& member, const json& value) {
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return OnOneLine(value.get<std::string>());
  const bool is_count = value.is_number_integer() && value.get<int64_t>() >= 0;
  if (is_count && (member.find("bytes") != std::string::npos || member.ends_with("Bytes")))
    return FormatBytes(value.get<uint64_t>());
  if (value.is_number() && (member == "seconds" || member.ends_with("Seconds")))
    return SecondsText(value.get<double>());
  return pannier::json::Dump(value);
}

// Characters, not bytes: the width of a cell of UTF-8 text.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void AddLines(const json& object, const std::string& prefix, std::string& out) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      AddLines(value, prefix + key + ".", out);
    } else if (!value.is_array()) {
      out += prefix + key + ": " + ToText(key, value) + "\n";
    }
  }
}

}  // namespace

std::string ToJson(const json& tree) {
  return tree.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string ToYaml(const json& tree) { return config::WriteYaml(ToValue(tree)); }

std::string ToTable(const json& rows, const std::vector<Column>& columns) {
  std::vector<std::vector<std::string>> cells(1);
  for (const Column& column : columns) cells[0].push_back(column.heading);
  for (const json& row : rows) {
    std::vector<std::string>& line = cells.emplace_back();
    for (const Column& column : columns) {
      const auto found = row.is_object() ? row.find(column.member) : row.end();
      line.push_back(found == row.end() ? "-" : ToText(column.member, *found));
    }
  }
  std::vector<size_t> widths(columns.size());
  for (const auto& line : cells) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], WidthOf(line[i]));
  }
  std::string out;
  for (const auto& line : cells) {
    for (size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out.append(widths[i] - WidthOf(line[i]) + 2, ' ');
    }
    out += "\n";
  }
  return out;
}

std::string ToLines(const json& object) {
  std::string out;
  AddLines(object, "", out);
  return out;
}

}  // namespace pannier::cli
