#include "daemon/config/load.h"

#include <cstdlib>
#include <utility>

#include "daemon/config/keys.h"
#include "lib/config/value.h"
#include "lib/contract/places.h"

namespace pannier::daemon {
namespace {

constexpr uint64_t kFileBytesMax = 1_MiB;

struct NamedFile {
  std::string path;
  bool must_exist = true;
};

NamedFile FileOf(const Flags& flags, const Environment& environment) {
  if (flags.config_file) return {*flags.config_file};
  if (auto named = environment(contract::kConfigVariable); named) return {*std::move(named)};
  return {std::string(contract::kConfigFile), false};
}

// Whoever misspelt something should learn where it is spelt out.
Status WithHint(Status status) {
  if (status.ok() || !status.error().hint.empty()) return status;
  Error error = std::move(status).error();
  error.hint = "docs/configuration.md, or pannierd --print-config-reference, lists every key";
  return error;
}

Status ReadInto(config::Schema& keys, const NamedFile& named, file::FileSystem& files) {
  Result<std::string> text = file::ReadFile(files, named.path, kFileBytesMax);
  if (text.Is(Errc::kNotFound) && !named.must_exist) return {};
  if (!text.ok()) {
    Error error = std::move(text).error().Context("read the configuration");
    error.hint = "name a readable YAML file with --config, or leave it out";
    return error;
  }
  return WithHint(keys.Read(TRY(config::ParseYaml(*text, named.path)), named.path));
}

Status ApplyEnvironment(config::Schema& keys, const Environment& environment) {
  constexpr std::pair<const char*, const char*> kVariables[] = {
      {contract::kSocketVariable, "listen.socket.path"},
      {contract::kAdminSocketVariable, "listen.admin.path"}};
  for (const auto& [name, key] : kVariables) {
    if (const auto value = environment(name); value) TRY(WithHint(keys.Set(key, *value, name)));
  }
  return {};
}

// "0.0.0.0" and "[::]" are enough: the port is the one that operators dial.
void AddAdminPort(std::string* address) {
  const size_t colon = address->rfind(':');
  const bool has_port =
      colon != std::string::npos && address->find(']', colon) == std::string::npos;
  if (!address->empty() && !has_port) *address += ":" + std::to_string(contract::kAdminPort);
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Result<Config> Load(const Flags& flags, const Environment& environment, file::FileSystem& files) {
  Config config;
  config::Schema keys = KeysOf(config);
  TRY(ReadInto(keys, FileOf(flags, environment), files));
  TRY(ApplyEnvironment(keys, environment));
  for (const Flags::Setting& setting : flags.settings)
    TRY(WithHint(keys.Set(setting.key, setting.value, setting.origin)));
  if (config.listen.admin.path.empty())
    config.listen.admin.path = contract::AdminSocketBeside(config.listen.socket.path);
  AddAdminPort(&config.listen.admin_address);
  TRY(Check(config));
  return config;
}

}  // namespace pannier::daemon
