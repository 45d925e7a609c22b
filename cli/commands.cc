#include "cli/commands.h"

#include <nlohmann/json.hpp>

#include "cli/output.h"
#include "daemon/config/load.h"
#include "lib/contract/health_check.h"
#include "lib/http/client.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

Errc CodeOf(int status) {
  switch (status) {
    case 404:
      return Errc::kNotFound;
    case 409:
      return Errc::kConflict;
    case 429:
    case 507:
      return Errc::kResourceExhausted;
    case 501:
      return Errc::kUnimplemented;
    default:
      return status >= 500 ? Errc::kUnavailable : Errc::kInvalidArgument;
  }
}

// The daemon's refusal in its own words.
Error Refusal(const http::Response& response) {
  const Result<json> body = pannier::json::ParseCold(response.body);
  std::string what = "the daemon answered " + std::to_string(response.status);
  if (body.ok() && body->is_object() && body->contains("message") && (*body)["message"].is_string())
    what = (*body)["message"].get<std::string>();
  std::string hint;
  if (response.status == 404) hint = "`pannierctl stores list` shows what there is";
  if (response.status == 429 || response.status == 503) hint = "try again in a moment";
  return {CodeOf(response.status), std::move(what), std::move(hint)};
}

Result<json> Ask(const std::string& socket, const char* flag, std::string_view method,
                 const std::string& path, std::chrono::milliseconds timeout) {
  http::Client::Options options;
  options.timeout = timeout;
  options.connect_timeout = std::min(timeout, options.connect_timeout);
  http::Client client = TRY(http::Client::Make("unix:" + socket, options));
  Result<http::Response> response = client.Send(method, path);
  if (!response.ok()) {
    Error error = std::move(response).error();
    error.hint = "is the daemon running, and is " + std::string(flag) + " its socket?";
    return error;
  }
  if (response->status / 100 != 2) return Refusal(*response);
  if (response->body.empty()) return json::object();
  return pannier::json::ParseCold(response->body).Context("the daemon's answer");
}

Result<json> AskStores(const Arguments& arguments, std::string_view method,
                       const std::string& rest = "") {
  return Ask(arguments.socket, "--socket", method, "/pannier/v1/stores" + rest, arguments.timeout);
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
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

}  // namespace

Result<std::string> Run(const Arguments& arguments) {
  switch (arguments.command) {
    case Command::kPrintText:
      return arguments.text;
    case Command::kStatus:
      return Written(TRY(Ask(arguments.admin_socket, "--admin-socket", "GET", "/admin/v1/status",
                             arguments.timeout)),
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
  }
  return Internal("no such command");
}

}  // namespace pannier::cli
