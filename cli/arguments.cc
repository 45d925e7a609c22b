#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/admin_arguments.h"
#include "cli/command_table.h"
#include "cli/completion.h"
#include "lib/contract/places.h"
#include "lib/contract/version.h"
#include "lib/core/units.h"

namespace pannier::cli {
namespace {

constexpr std::string_view kDefaultTenant = "default_tenant";

// What CLI11 fills.
struct Options {
  std::string vector_store_file, repository_file, image;
  std::string admin_address, ca_file, cert_file, key_file, server_name;
  std::string socket, admin_socket, timeout, format = "table", store, store_flag, file;
  bool wait = false;
  std::map<const CommandSpec*, AdminArguments> admin;  // by command
};

// The tree of commands. Options of the program may follow a command, too: `stores list -o json`.
class Tree {
 public:
  explicit Tree(Options& options) : app_("Looks after a Pannier daemon.", "pannierctl") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(
        "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 damaged: a check found the store or the\n"
        "snapshot unsound, or the command failed on bytes that are wrong.\n"
        "VectorStores in Kubernetes: `pannierctl kube --help`, or `kubectl pannier --help`.");
    app_.set_version_flag("--version", "pannierctl " + contract::VersionLine());
    DeclareOptions(options);
    Leaf(&app_, "status", "What the daemon is and does", Command::kStatus);
    DeclareStores(options);
    Leaf(&app_, "healthcheck", "Exit 0 when the daemon serves", Command::kHealthcheck);
    for (const CommandSpec& command : AdminCommands()) DeclareAdmin(command, options);
    CLI::App* config = Branch(&app_, "config", "The daemon's configuration file");
    Leaf(config, "check", "Check a file as the daemon would", Command::kConfigCheck)
        ->add_option("file", options.file, "The file")
        ->type_name("FILE")
        ->required();
    DeclareInject(options);
    CLI::App* completion = Branch(&app_, "completion", "Completion scripts for shells");
    bash_ = completion->add_subcommand("bash", "For bash: eval \"$(pannierctl completion bash)\"");
    zsh_ = completion->add_subcommand("zsh", "For zsh: eval \"$(pannierctl completion zsh)\"");
  }

  CLI::App& app() { return app_; }

  // The text to print instead of doing anything, if a command asks for that.
  std::optional<std::string> Text() {
    if (*bash_) return BashCompletion(app_);
    if (*zsh_) return ZshCompletion(app_);
    return std::nullopt;
  }

  Command Chosen() const {
    for (const auto& [app, command] : leaves_) {
      if (*app) return command;
    }
    const CommandSpec* admin = ChosenAdmin();
    return admin != nullptr ? admin->command : Command::kPrintText;
  }

  // The chosen command of the admin API, or null.
  const CommandSpec* ChosenAdmin() const {
    for (const auto& [app, command] : admin_) {
      if (*app) return command;
    }
    return nullptr;
  }

 private:
  static CLI::App* Branch(CLI::App* parent, const char* name, const char* description) {
    CLI::App* branch = parent->add_subcommand(name, description);
    branch->require_subcommand(1);
    branch->fallthrough();
    return branch;
  }

  CLI::App* Leaf(CLI::App* parent, const char* name, const char* description, Command command) {
    CLI::App* leaf = parent->add_subcommand(name, description);
    leaf->fallthrough();
    leaves_.emplace_back(leaf, command);
    return leaf;
  }

  void DeclareOptions(Options& options) {
    app_.add_option("--socket", options.socket,
                    "The daemon's socket [PANNIER_SOCKET, /run/pannier/pannier.sock]")
        ->type_name("PATH");
    app_.add_option("--admin-socket", options.admin_socket,
                    "Its admin socket [PANNIER_ADMIN_SOCKET, beside the other]")
        ->type_name("PATH");
    DeclareTls(options);
    app_.add_option("-o,--output", options.format, "json, yaml or table [table]")
        ->check(CLI::IsMember({"json", "yaml", "table"}))
        ->type_name("FORMAT");
    app_.add_option("--timeout", options.timeout,
                    "How long to wait: for an answer [60s], with --wait for the operation [10m]")
        ->type_name("TIME");
    app_.add_flag("--wait", options.wait,
                  "Wait until the operation has ended, and show its result");
  }

  void DeclareInject(Options& options) {
    CLI::App* inject =
        Leaf(&app_, "inject", "Put the sidecar into the pods of a manifest, on stdout",
             Command::kInject);
    inject->add_option("-f,--file", options.file, "Pods, workloads, jobs: YAML or JSON")
        ->type_name("FILE")
        ->required();
    inject
        ->add_option("--vector-store", options.vector_store_file, "The VectorStore that they name")
        ->type_name("FILE")
        ->required();
    inject
        ->add_option("--repository-file", options.repository_file,
                     "Its SnapshotRepository, where that is a volume")
        ->type_name("FILE");
    inject
        ->add_option("--image", options.image, "The daemon's image, where the VectorStore has none")
        ->type_name("IMAGE");
  }

  void DeclareTls(Options& options) {
    app_.add_option("--admin-address", options.admin_address,
                    "Its admin API over TCP with mutual TLS, instead of the sockets")
        ->type_name("HOST:PORT");
    app_.add_option("--ca", options.ca_file, "Who signed its certificate (PEM)")->type_name("FILE");
    app_.add_option("--cert", options.cert_file, "Our certificate (PEM)")->type_name("FILE");
    app_.add_option("--key", options.key_file, "Its key (PEM)")->type_name("FILE");
    app_.add_option("--server-name", options.server_name,
                    "Whom its certificate must name [the host of --admin-address]")
        ->type_name("NAME");
  }

  void DeclareStores(Options& options) {
    CLI::App* stores = Branch(&app_, "stores", "The daemon's stores");
    Leaf(stores, "list", "All of them", Command::kStoresList);
    const std::pair<CLI::App*, const char*> named[] = {
        {Leaf(stores, "info", "One store with its collections", Command::kStoresInfo), "info"},
        {Leaf(stores, "close", "Close a store that nobody uses", Command::kStoresClose), "close"},
        {Leaf(stores, "flush", "Move its write-ahead log into its file", Command::kStoresFlush),
         "flush"}};
    for (const auto& [command, name] : named) {
      command->add_option("store", options.store, "TENANT/DATABASE; DATABASE of default_tenant")
          ->type_name("STORE");
      command->add_option("--store", options.store_flag, "The same as a flag")->type_name("STORE");
    }
  }

  // "store quarantine list": each word but the last is a branch, made once.
  void DeclareAdmin(const CommandSpec& command, Options& options) {
    CLI::App* parent = &app_;
    std::string so_far;
    size_t begin = 0;
    for (size_t space = command.words.find(' '); space != std::string::npos;
         space = command.words.find(' ', begin)) {
      so_far = command.words.substr(0, space);
      CLI::App*& branch = branches_[so_far];
      if (branch == nullptr) {
        branch = Branch(parent, command.words.substr(begin, space - begin).c_str(),
                        std::string(GroupHelp(so_far)).c_str());
      }
      parent = branch;
      begin = space + 1;
    }
    CLI::App* leaf = parent->add_subcommand(command.words.substr(begin), command.help);
    leaf->fallthrough();
    options.admin[&command].Declare(command, *leaf);
    admin_.emplace_back(leaf, &command);
  }

  CLI::App app_;
  std::map<std::string, CLI::App*> branches_;
  std::vector<std::pair<CLI::App*, const CommandSpec*>> admin_;
  CLI::App* bash_ = nullptr;
  CLI::App* zsh_ = nullptr;
  std::vector<std::pair<CLI::App*, Command>> leaves_;
};

bool NamesStore(Command command) {
  return command == Command::kStoresInfo || command == Command::kStoresClose ||
         command == Command::kStoresFlush;
}

Arguments Print(std::string text) {
  Arguments arguments;
  arguments.text = std::move(text);
  return arguments;
}

void ChooseSockets(const Options& options, const Environment& environment, Arguments& arguments) {
  arguments.socket = options.socket;
  if (arguments.socket.empty())
    arguments.socket =
        environment(contract::kSocketVariable).value_or(std::string(contract::kSocketPath));
  arguments.admin_socket = options.admin_socket;
  // A socket given by hand says which daemon is meant, so its neighbour counts, not the variable.
  if (arguments.admin_socket.empty() && options.socket.empty())
    arguments.admin_socket = environment(contract::kAdminSocketVariable).value_or("");
  if (arguments.admin_socket.empty())
    arguments.admin_socket = contract::AdminSocketBeside(arguments.socket);
}

Status ChooseTls(const Options& options, Arguments& arguments) {
  const bool has_files = !options.ca_file.empty() || !options.cert_file.empty() ||
                         !options.key_file.empty() || !options.server_name.empty();
  if (options.admin_address.empty() && has_files)
    return InvalidArgument("--ca, --cert, --key and --server-name go with --admin-address");
  if (!options.admin_address.empty() &&
      (options.ca_file.empty() || options.cert_file.empty() || options.key_file.empty()))
    return InvalidArgument("--admin-address needs --ca, --cert and --key",
                           "the daemon's door asks for a client certificate");
  arguments.admin_address = options.admin_address;
  arguments.ca_file = options.ca_file;
  arguments.cert_file = options.cert_file;
  arguments.key_file = options.key_file;
  arguments.server_name = options.server_name;
  return {};
}

Result<Arguments> Collect(const Options& options, const Tree& tree,
                          const Environment& environment) {
  Arguments arguments;
  const Command command = arguments.command = tree.Chosen();
  ChooseSockets(options, environment, arguments);
  TRY(ChooseTls(options, arguments));
  arguments.wait = options.wait;
  const std::string timeout = !options.timeout.empty() ? options.timeout
                              : options.wait           ? "10m"
                                                       : "60s";
  Result<std::chrono::milliseconds> parsed = ParseDuration(timeout);
  if (!parsed.ok()) {
    return InvalidArgument("--timeout: " + parsed.error().what,
                           "a whole number with its unit: ms, s, m, h or d");
  }
  arguments.timeout = *parsed;
  if (options.format == "json") arguments.format = Format::kJson;
  if (options.format == "yaml") arguments.format = Format::kYaml;
  arguments.file = options.file;
  arguments.vector_store_file = options.vector_store_file;
  arguments.repository_file = options.repository_file;
  arguments.image = options.image;
  if (const CommandSpec* admin = tree.ChosenAdmin()) {
    TRY(options.admin.at(admin).Fill(*admin, &arguments));
    return arguments;
  }
  if (!NamesStore(command)) return arguments;
  const std::string& store = options.store_flag.empty() ? options.store : options.store_flag;
  if (store.empty())
    return InvalidArgument("which store?", "name it as TENANT/DATABASE; `stores list` shows all");
  arguments.store = TRY(ParseStoreName(store));
  return arguments;
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Result<StoreName> ParseStoreName(std::string_view text) {
  StoreName name;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    name.tenant = kDefaultTenant;
    name.database = text;
  } else {
    name.tenant = text.substr(0, slash);
    name.database = text.substr(slash + 1);
  }
  const bool is_name = !name.tenant.empty() && !name.database.empty() &&
                       name.database.find('/') == std::string::npos;
  if (is_name) return name;
  return InvalidArgument("\"" + std::string(text) + "\" is not a store",
                         "write it as TENANT/DATABASE");
}

Result<Arguments> ParseArguments(int argc, const char* const* argv,
                                 const Environment& environment) {
  try {
    Options options;
    Tree tree(options);
    try {
      tree.app().parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Print(tree.app().help("", CLI::AppFormatMode::Normal));
    } catch (const CLI::CallForVersion& version) {
      return Print(std::string(version.what()) + "\n");
    }
    if (std::optional<std::string> text = tree.Text(); text) return Print(*std::move(text));
    return Collect(options, tree, environment);
  } catch (const CLI::Error& error) {
    return InvalidArgument(error.what(), "pannierctl --help shows commands and flags");
  }
}

}  // namespace pannier::cli
