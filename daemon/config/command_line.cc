#include "daemon/config/command_line.h"

#include <CLI/CLI.hpp>

#include "lib/contract/places.h"
#include "lib/core/units.h"

namespace pannier::daemon {
namespace {

constexpr const char* kAbout =
    "Serves Chroma stores to the processes of one machine or pod over a Unix socket.";

// One flag that sets one key of the configuration.
struct KeyFlag {
  const char* name;
  const char* key;
  const char* value_name;
  const char* description;
};
constexpr KeyFlag kKeyFlags[] = {
    {"--data", "dataDir", "DIR", "Where all data lies [/var/lib/pannier]"},
    {"--socket", "listen.socket.path", "PATH",
     "Unix socket of the Chroma API [PANNIER_SOCKET, /run/pannier/pannier.sock]"},
    {"--admin-socket", "listen.admin.path", "PATH",
     "Unix socket of the admin API [PANNIER_ADMIN_SOCKET, beside the other]"},
    {"--tcp", "listen.tcp.address", "HOST:PORT", "Chroma API over TCP as well [off]"},
    {"--metrics", "listen.metrics.address", "HOST:PORT", "Metrics and health over TCP [off]"},
    {"--token-file", "listen.tcp.tokenFile", "FILE", "Tokens of the TCP listener [none]"},
    {"--log-level", "log.level", "LEVEL", "debug, info, warn or error [info]"},
};

Status AddSetting(Flags& flags, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return InvalidArgument("--set: \"" + text + "\" is not KEY=VALUE",
                           "write it as --set stores.maxOpen=64");
  std::string key = text.substr(0, equals);
  std::string origin = "--set " + key;
  flags.settings.push_back({std::move(key), text.substr(equals + 1), std::move(origin)});
  return {};
}

// What CLI11 fills; turned into a CommandLine once parsing succeeded.
struct Options {
  std::vector<std::string> key_values = std::vector<std::string>(std::size(kKeyFlags));
  std::vector<std::string> sets;
  std::string config_file;
  bool insecure_allow_remote = false;
  bool allow_reset = false, check_config = false, reference = false, version = false;
  std::string healthcheck_socket, healthcheck_timeout = "5s";
};

void Declare(CLI::App& app, Options& options) {
  app.footer("Every setting is described in docs/configuration.md.");
  size_t next = 0;
  for (const KeyFlag& flag : kKeyFlags)
    app.add_option(flag.name, options.key_values[next++], flag.description)
        ->type_name(flag.value_name);
  app.add_option("--config", options.config_file,
                 "YAML file [PANNIER_CONFIG, /etc/pannier/pannierd.yaml if it exists]")
      ->type_name("FILE");
  app.add_option("--set", options.sets, "Any key of the file; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  app.add_flag("--allow-reset", options.allow_reset, "Let clients delete everything [no]");
  app.add_flag("--insecure-allow-remote", options.insecure_allow_remote,
               "Let --tcp name an address that others reach without token and TLS [no]");
  app.add_flag("--check-config", options.check_config, "Check the configuration and stop");
  app.add_flag("--print-config-reference", options.reference, "Print docs/configuration.md");
  app.add_flag("--version", options.version, "Print the version");
}

CLI::App* DeclareHealthcheck(CLI::App& app, Options& options) {
  CLI::App* check = app.add_subcommand("healthcheck", "Exit 0 when the daemon on a socket serves");
  check->add_option("--socket", options.healthcheck_socket, "Its socket [PANNIER_SOCKET]")
      ->type_name("PATH");
  check
      ->add_option("--timeout", options.healthcheck_timeout,
                   "How long to wait for it to serve [5s]")
      ->type_name("TIME");
  return check;
}

Result<CommandLine> Healthcheck(const CLI::App& app, const Options& options,
                                const Environment& environment) {
  CommandLine line;
  line.action = CommandLine::Action::kHealthcheck;
  line.healthcheck_timeout = TRY(ParseDuration(options.healthcheck_timeout).Context("--timeout"));
  const std::string& before_the_word = options.key_values[1];  // pannierd --socket X healthcheck
  if (!options.healthcheck_socket.empty()) {
    line.healthcheck_socket = options.healthcheck_socket;
  } else if (app.count("--socket") != 0) {
    line.healthcheck_socket = before_the_word;
  } else {
    line.healthcheck_socket =
        environment(contract::kSocketVariable).value_or(std::string(contract::kSocketPath));
  }
  return line;
}

Result<CommandLine> Collect(const CLI::App& app, const Options& options) {
  CommandLine line;
  if (options.check_config) line.action = CommandLine::Action::kCheckConfig;
  if (options.reference) line.action = CommandLine::Action::kPrintConfigReference;
  if (app.count("--config") != 0) line.flags.config_file = options.config_file;
  for (const std::string& text : options.sets) TRY(AddSetting(line.flags, text));
  for (size_t i = 0; i < std::size(kKeyFlags); ++i) {
    if (app.count(kKeyFlags[i].name) != 0)
      line.flags.settings.push_back({kKeyFlags[i].key, options.key_values[i], kKeyFlags[i].name});
  }
  if (options.insecure_allow_remote)
    line.flags.settings.push_back(
        {"listen.tcp.insecureAllowRemote", "true", "--insecure-allow-remote"});
  if (options.allow_reset) line.flags.settings.push_back({"allowReset", "true", "--allow-reset"});
  return line;
}

CommandLine Print(std::string text) {
  CommandLine line;
  line.action = CommandLine::Action::kPrintText;
  line.text = std::move(text);
  return line;
}

}  // namespace

Result<CommandLine> ParseCommandLine(int argc, const char* const* argv, std::string_view version,
                                     const Environment& environment) {
  try {
    CLI::App app(kAbout, "pannierd");
    Options options;
    Declare(app, options);
    const CLI::App* healthcheck = DeclareHealthcheck(app, options);
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Print((*healthcheck ? *healthcheck : app).help());
    }
    if (options.version) return Print("pannierd " + std::string(version) + "\n");
    if (*healthcheck) return Healthcheck(app, options, environment);
    return Collect(app, options);
  } catch (const CLI::Error& error) {
    return InvalidArgument(error.what(), "pannierd --help shows the flags");
  }
}

}  // namespace pannier::daemon
