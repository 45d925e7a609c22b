#include "cli/admin_arguments.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lib/core/time_text.h"
#include "lib/core/units.h"
#include "lib/core/uuid.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

const char* TypeName(OptionKind kind) {
  switch (kind) {
    case OptionKind::kCount:
      return "N";
    case OptionKind::kDuration:
    case OptionKind::kTime:
      return "TIME";
    case OptionKind::kStore:
      return "STORE";
    case OptionKind::kUuid:
      return "UID";
    case OptionKind::kPath:
      return "PATH";
    default:
      return "TEXT";
  }
}

bool IsSwitch(OptionKind kind) { return kind == OptionKind::kFlag || kind == OptionKind::kNot; }

Result<json> CountFrom(const std::string& text) {
  uint64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc() || end != text.data() + text.size())
    return InvalidArgument("\"" + text + "\" is not a whole number");
  return json(count);
}

// "uid,--uid" is one option by two names.
std::string NameOf(const OptionSpec& option) {
  return option.flag.substr(0, option.flag.find(','));
}

Result<json> ValueFrom(const OptionSpec& option, const std::string& text) {
  switch (option.kind) {
    case OptionKind::kCount:
      return CountFrom(text);
    case OptionKind::kDuration:
      return json(
          std::chrono::duration_cast<std::chrono::seconds>(TRY(ParseDuration(text))).count());
    case OptionKind::kStore: {
      const StoreName store = TRY(ParseStoreName(text));
      return json(store.tenant + "/" + store.database);
    }
    case OptionKind::kTime:
      if (!ParseTime(text)) {
        return InvalidArgument("\"" + text + "\" is not a time",
                               "write it as 2025-01-31T12:00:00Z");
      }
      return json(text);
    case OptionKind::kUuid:
      if (!Uuid::Parse(text)) {
        return InvalidArgument("\"" + text + "\" is not a UUID", "take it from the list, whole");
      }
      return json(text);
    case OptionKind::kPath: {
      std::error_code failed;
      const auto absolute = std::filesystem::absolute(text, failed);
      return json(failed ? text : absolute.lexically_normal().string());
    }
    default:
      return json(text);
  }
}

// "keep.last" stands in the object "keep".
void Put(const std::string& member, json value, json* body) {
  const size_t dot = member.find('.');
  if (dot == std::string::npos) {
    (*body)[member] = std::move(value);
  } else {
    (*body)[member.substr(0, dot)][member.substr(dot + 1)] = std::move(value);
  }
}

Status CheckRestore(json* body) {
  const bool all = body->contains("all");
  int sources = 0;
  for (const char* source : {"snapshot", "sequence", "at", "latest"})
    sources += body->contains(source) ? 1 : 0;
  if (all && (body->contains("store") || body->contains("to") || body->contains("collection")))
    return InvalidArgument("--all is every store under its own name",
                           "leave out --store, --to and --collection");
  if (!all && !body->contains("store"))
    return InvalidArgument("which store?", "--store TENANT/DATABASE, or --all");
  if (sources > 1 || (sources == 0 && !all)) {
    return InvalidArgument("which snapshot?",
                           "one of --latest, --sequence N, --at TIME and --snapshot UID");
  }
  if (sources == 0) (*body)["latest"] = true;
  return {};
}

Status CheckMerge(const json& body) {
  if (body.value("store", "") != body.value("from", "")) return {};
  return InvalidArgument("--from is the store itself", "name another store to merge into this one");
}

Status CheckExport(const json& body) {
  if (body.contains("file") == body.contains("url"))
    return InvalidArgument("where to?", "one of --file and --url");
  if (body.contains("file") && (body.contains("tenant") || body.contains("database")))
    return InvalidArgument("--tenant and --database go with --url");
  return {};
}

}  // namespace

void AdminArguments::Declare(const CommandSpec& command, CLI::App& app) {
  for (const OptionSpec& option : command.options) {
    Given& given = given_.emplace_back();
    if (IsSwitch(option.kind)) {
      app.add_flag(option.flag, given.flag, option.help);
      continue;
    }
    CLI::Option* added = app.add_option(option.flag, given.text, option.help);
    added->type_name(TypeName(option.kind));
    if (option.kind == OptionKind::kChoice) added->check(CLI::IsMember(option.choices));
    if (option.required) added->required();
  }
}

Status AdminArguments::Fill(const CommandSpec& command, Arguments* arguments) const {
  json body = json::object();
  if (!command.action.empty()) body["action"] = command.action;
  for (size_t i = 0; i < command.options.size(); ++i) {
    const OptionSpec& option = command.options[i];
    const Given& given = given_[i];
    if (option.kind == OptionKind::kNot) {
      Put(option.member, !given.flag, &body);
    } else if (option.kind == OptionKind::kFlag) {
      if (given.flag) Put(option.member, true, &body);
    } else if (!given.text.empty()) {
      Put(option.member, TRY(ValueFrom(option, given.text).Context(NameOf(option))), &body);
    }
  }
  if (command.command == Command::kRestore) {
    arguments->yes = body.erase("yes") > 0;
    TRY(CheckRestore(&body));
  }
  if (command.action == "merge") TRY(CheckMerge(body));
  if (command.action == "export") TRY(CheckExport(body));
  arguments->body = pannier::json::Dump(body);
  return {};
}

}  // namespace pannier::cli
