#include "cli/commands.h"

#include <nlohmann/json.hpp>

#include "cli/admin_commands.h"
#include "cli/daemon_client.h"
#include "cli/inject.h"
#include "cli/operations.h"
#include "cli/output.h"
#include "daemon/config/load.h"
#include "lib/contract/health_check.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

Result<json> AskStores(const Arguments& arguments, std::string_view method,
                       const std::string& rest = "") {
  return Ask(TRY(DataEndpoint(arguments)), method, "/pannier/v1/stores" + rest);
}

std::string PathOf(const StoreName& store) {
  return "/" + PercentEncode(store.tenant) + "/" + PercentEncode(store.database);
}

// The name in the form that commands take.
void AddStoreName(json& store) {
  if (store.is_object())
    store["store"] = store.value("tenant", "?") + "/" + store.value("database", "?");
}

std::string StoresTable(json answer) {
  json& stores = answer["stores"];
  for (json& store : stores) AddStoreName(store);
  return ToTable(stores, {{"STORE", "store"},
                          {"OPEN", "open"},
                          {"DAMAGED", "damaged"},
                          {"COLLECTIONS", "collections"},
                          {"RECORDS", "records"},
                          {"SEQUENCE", "sequence"},
                          {"DISK", "bytes_on_disk"},
                          {"MEMORY", "bytes_in_memory"},
                          {"LAST USED", "last_used"}});
}

std::string StoreText(json store) {
  std::string text = ToLines(store);
  const json collections = store.value("collections", json::array());
  if (!collections.is_array() || collections.empty()) return text;
  return text + "\n" +
         ToTable(collections, {{"COLLECTION", "name"},
                               {"ID", "id"},
                               {"RECORDS", "records"},
                               {"DIMENSION", "dimension"},
                               {"INDEXED", "indexed"},
                               {"TAIL", "tail"}});
}

template <typename AsTable>
std::string Written(const json& answer, Format format, const AsTable& as_table) {
  if (format == Format::kJson) return ToJson(answer);
  if (format == Format::kYaml) return ToYaml(answer);
  return as_table(answer);
}

Result<std::string> Act(const Arguments& arguments, const char* verb, const char* done) {
  const json answer =
      TRY(AskStores(arguments, "POST", PathOf(arguments.store) + "/" + std::string(verb)));
  return Written(answer, arguments.format, [&](const json&) {
    // A store that a request holds is closed by the daemon later.
    const bool in_use = answer.contains("closed") && answer["closed"] == false;
    return arguments.store.tenant + "/" + arguments.store.database + ": " +
           (in_use ? "in use; it is closed once nobody uses it" : done) + "\n";
  });
}

Result<std::string> CheckHealth(const Arguments& arguments) {
  if (!arguments.admin_address.empty()) {
    return Written(TRY(Ask(TRY(DataEndpoint(arguments)), "GET", "/health/chromadb")),
                   arguments.format, ToLines);
  }
  const std::string body = TRY(contract::CheckHealth(arguments.socket, arguments.timeout));
  const Result<json> health = pannier::json::ParseCold(body);
  if (!health.ok() || !health->is_object()) return std::string("healthy\n");
  return Written(*health, arguments.format, ToLines);
}

Result<std::string> CheckConfig(const Arguments& arguments) {
  daemon::Flags flags;
  flags.config_file = arguments.file;
  // Without this shell's variables: the file itself is in question.
  const auto no_environment = [](const char*) { return std::optional<std::string>(); };
  TRY(daemon::Load(flags, no_environment, file::RealFileSystem()));
  const json answer{{"file", arguments.file}, {"valid", true}};
  return Written(answer, arguments.format,
                 [&](const json&) { return arguments.file + ": in order\n"; });
}

Result<std::string> RunPlain(const Arguments& arguments) {
  switch (arguments.command) {
    case Command::kPrintText:
      return arguments.text;
    case Command::kStatus:
      return Written(TRY(Ask(TRY(AdminEndpoint(arguments)), "GET", "/admin/v1/status")),
                     arguments.format, ToLines);
    case Command::kStoresList:
      return Written(TRY(AskStores(arguments, "GET")), arguments.format, StoresTable);
    case Command::kStoresInfo:
      return Written(TRY(AskStores(arguments, "GET", PathOf(arguments.store))), arguments.format,
                     StoreText);
    case Command::kStoresClose:
      return Act(arguments, "close", "closed");
    case Command::kStoresFlush:
      return Act(arguments, "flush", "flushed");
    case Command::kHealthcheck:
      return CheckHealth(arguments);
    case Command::kConfigCheck:
      return CheckConfig(arguments);
    case Command::kInject:
      return Inject(arguments);
    default:
      return RunAdmin(arguments);
  }
}

}  // namespace

Result<Answer> Run(const Arguments& arguments, Terminal& terminal) {
  if (arguments.command == Command::kOperation || arguments.command == Command::kRestore)
    return Operate(arguments, terminal);
  return Answer{TRY(RunPlain(arguments))};
}

int ExitCodeOf(Command command, const Error& error) {
  if (error.code == Errc::kCorruption) return 3;
  // As `pannierd --check-config`.
  return command == Command::kConfigCheck && error.code == Errc::kInvalidArgument ? 2 : 1;
}

}  // namespace pannier::cli
