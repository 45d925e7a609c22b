// The commands of the admin API as a table: words, flags, and what becomes of them in a request.
// The command line, its help and its completion are made from it. Threads: constant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/arguments.h"

namespace pannier::cli {

enum class OptionKind {
  kText,
  kFlag,      // true when given
  kNot,       // false when given, true when not
  kCount,     // a whole number
  kDuration,  // "7d"; seconds in the request
  kStore,     // "TENANT/DATABASE"
  kTime,      // RFC 3339
  kUuid,      // as lists show it
  kChoice,    // one of `choices`
  kPath,      // of this machine; made absolute
};

struct OptionSpec {
  std::string flag;    // "--level"; "uid,--uid" may also stand without its flag
  std::string member;  // of the request; "keep.last": of an object within
  OptionKind kind = OptionKind::kText;
  std::string help;
  bool required = false;
  std::vector<std::string> choices = {};
};

struct CommandSpec {
  std::string words;  // "snapshot create"
  Command command = Command::kOperation;
  std::string action;  // of an operation
  std::string help;
  std::vector<OptionSpec> options;
};

const std::vector<CommandSpec>& AdminCommands();
// What the first word of a command is about: "snapshot" → "Snapshots in a repository".
std::string_view GroupHelp(std::string_view words);

}  // namespace pannier::cli
