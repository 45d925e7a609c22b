// Answers as people or programs want them. Threads: any; pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/arguments.h"

namespace pannier::cli {

// A column of a table: its heading and the member of each row that it shows.
struct Column {
  std::string heading;
  std::string member;
};

// JSON indented by two, or YAML, of the whole tree; each with a final newline.
std::string ToJson(const nlohmann::json& tree);
std::string ToYaml(const nlohmann::json& tree);

// One line per row under the headings, columns aligned. Members named …bytes… and …Seconds are
// written for people. A row without the member shows "-".
std::string ToTable(const nlohmann::json& rows, const std::vector<Column>& columns);

// "name: value" lines of an object, nested ones as "stores.open: 3"; lists are left out.
std::string ToLines(const nlohmann::json& object);

}  // namespace pannier::cli
