#include "cli/cluster/arguments.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/arguments.h"
#include "lib/contract/version.h"
#include "lib/core/time_text.h"
#include "lib/core/units.h"

namespace pannier::cluster {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 a store is damaged; 4 something is not ready\n"
    "(of status); 5 not ended in time: what was begun goes on.\n"
    "It is reached as kubectl reaches it: --kubeconfig, $KUBECONFIG, ~/.kube/config.";

bool IsPlugin(const char* argv0) {
  return std::filesystem::path(argv0).filename() == "kubectl-pannier";
}

// What CLI11 fills.
struct Options {
  Arguments arguments;
  std::string format = "table", timeout = "1h", level = "full", expire_after;
  bool latest = false;
};

class Tree {
 public:
  Tree(const char* name, Options& options) : app_("Looks after VectorStores in Kubernetes.", name) {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(kFooter);
    app_.set_version_flag("--version", "kubectl-pannier " + contract::VersionLine());
    DeclareAccess(options.arguments);
    DeclareLists(options);
    DeclareSnapshot(options);
    DeclareRestore(options);
    DeclareVerify(options);
    CLI::App* bundle = Leaf(&app_, "support-bundle", "What to send with a question, as a tar file",
                            Command::kSupportBundle);
    bundle->add_option("-o,--output", options.arguments.file, "The file to write")
        ->type_name("FILE")
        ->required();
    bundle->add_flag("-A,--all-namespaces", options.arguments.all_namespaces, "Of all namespaces");
  }

  CLI::App& app() { return app_; }

  Command Chosen() const {
    for (const auto& [app, command] : leaves_) {
      if (*app) return command;
    }
    return Command::kPrintText;
  }

 private:
  CLI::App* Leaf(CLI::App* parent, const char* name, const char* help, Command command) {
    CLI::App* leaf = parent->add_subcommand(name, help);
    leaf->fallthrough();
    leaves_.emplace_back(leaf, command);
    return leaf;
  }

  void DeclareAccess(Arguments& arguments) {
    app_.add_option("-n,--namespace", arguments.ns, "Namespace [the context's]")->type_name("NAME");
    app_.add_option("--kubeconfig", arguments.kubeconfig, "How to reach the API server")
        ->type_name("FILE");
    app_.add_option("--context", arguments.context, "Context of it [its current one]")
        ->type_name("NAME");
  }

  static void DeclareOutput(CLI::App* leaf, Options& options) {
    leaf->add_option("-o,--output", options.format, "table, wide or json [table]")
        ->check(CLI::IsMember({"table", "wide", "json"}))
        ->type_name("FORMAT");
  }

  static void DeclareTarget(CLI::App* leaf, Options& options) {
    leaf->add_option("vectorstore", options.arguments.name, "The VectorStore")
        ->type_name("VECTORSTORE")
        ->required();
  }

  static void DeclareWait(CLI::App* leaf, Options& options) {
    leaf->add_flag("--wait", options.arguments.wait, "Wait for its end, and tell how it ended");
    leaf->add_option("--timeout", options.timeout, "How long to wait for it [1h]")
        ->type_name("TIME");
  }

  void DeclareLists(Options& options) {
    CLI::App* cleanup = app_.add_subcommand("cleanup", "What StoreCleanupPolicies found and did");
    cleanup->require_subcommand(1);
    cleanup->fallthrough();
    CLI::App* const lists[] = {
        Leaf(&app_, "status", "Stores, repositories and schedules at a glance", Command::kStatus),
        Leaf(&app_, "operations", "Repairs, checks and restores", Command::kOperations),
        Leaf(cleanup, "report", "Of each policy, or of one", Command::kCleanupReport)};
    for (CLI::App* list : lists) {
      DeclareOutput(list, options);
      list->add_flag("-A,--all-namespaces", options.arguments.all_namespaces, "Of all namespaces");
    }
    lists[1]
        ->add_option("vectorstore", options.arguments.name, "Of this VectorStore only")
        ->type_name("VECTORSTORE");
    lists[2]->add_option("policy", options.arguments.name, "This policy only")->type_name("POLICY");
  }

  void DeclareSnapshot(Options& options) {
    Arguments& arguments = options.arguments;
    CLI::App* leaf =
        Leaf(&app_, "snapshot", "Take a snapshot (a StoreSnapshot)", Command::kSnapshot);
    DeclareTarget(leaf, options);
    DeclareOutput(leaf, options);
    DeclareWait(leaf, options);
    leaf->add_option("--store", arguments.stores, "This store only; may be repeated")
        ->type_name("TENANT/DATABASE");
    leaf->add_option("--repository", arguments.repository, "Where to [the VectorStore's]")
        ->type_name("NAME");
    leaf->add_option("--expire-after", options.expire_after, "Delete it by itself after this time")
        ->type_name("TIME");
    leaf->add_flag("--hold", arguments.hold, "Nothing may delete it until that is taken back");
  }

  void DeclareRestore(Options& options) {
    Arguments& arguments = options.arguments;
    CLI::App* leaf = Leaf(&app_, "restore", "Put a store back as it was: shows the plan and asks",
                          Command::kRestore);
    DeclareTarget(leaf, options);
    DeclareOutput(leaf, options);
    DeclareWait(leaf, options);
    leaf->add_option("--pod", arguments.pod, "In which pod")->type_name("POD");
    leaf->add_option("--store", arguments.store, "Which store")
        ->type_name("TENANT/DATABASE")
        ->required();
    leaf->add_option("--snapshot", arguments.snapshot, "From this StoreSnapshot")
        ->type_name("NAME");
    leaf->add_flag("--latest", options.latest, "From the newest snapshot that is good");
    leaf->add_option("--not-after", arguments.not_after, "From the newest that is not after this")
        ->type_name("RFC3339");
    leaf->add_option("--to", arguments.to_store, "To another store; the one of now stays")
        ->type_name("TENANT/DATABASE");
    leaf->add_flag("--dry-run", arguments.dry_run, "Show the plan and what would be lost, no more");
    leaf->add_flag("-y,--yes", arguments.yes, "Do not ask");
  }

  void DeclareVerify(Options& options) {
    Arguments& arguments = options.arguments;
    CLI::App* leaf = Leaf(&app_, "verify", "Check a store", Command::kVerify);
    DeclareTarget(leaf, options);
    DeclareOutput(leaf, options);
    DeclareWait(leaf, options);
    leaf->add_option("--pod", arguments.pod, "In which pod")->type_name("POD")->required();
    leaf->add_option("--store", arguments.store, "Which store")
        ->type_name("TENANT/DATABASE")
        ->required();
    leaf->add_option("--level", options.level, "quick or full [full]")
        ->check(CLI::IsMember({"quick", "full"}))
        ->type_name("LEVEL");
  }

  CLI::App app_;
  std::vector<std::pair<CLI::App*, Command>> leaves_;
};

// "docs" → "default_tenant/docs", as everywhere.
Status CompleteStore(std::string* store) {
  if (store->empty()) return {};
  const cli::StoreName name = TRY(cli::ParseStoreName(*store));
  *store = name.tenant + "/" + name.database;
  return {};
}

Status CheckRestore(const Options& options) {
  const Arguments& arguments = options.arguments;
  const int sources = (arguments.snapshot.empty() ? 0 : 1) + (options.latest ? 1 : 0) +
                      (arguments.not_after.empty() ? 0 : 1);
  if (sources != 1)
    return InvalidArgument("which snapshot?", "one of --snapshot NAME, --latest, --not-after TIME");
  if (!arguments.not_after.empty() && !ParseTime(arguments.not_after))
    return InvalidArgument("--not-after: \"" + arguments.not_after + "\" is no time",
                           "write it as 2026-01-31T08:00:00Z");
  if (arguments.pod.empty() && arguments.to_store.empty())
    return InvalidArgument(
        "in which pod?",
        "--pod NAME: kubectl get pods -l pannier.dev/vectorstore=" + arguments.name);
  if (arguments.to_store == arguments.store)
    return InvalidArgument("--to names the store itself", "leave it out to replace the store");
  return {};
}

Result<Arguments> Collect(Options& options, const Tree& tree) {
  Arguments& arguments = options.arguments;
  arguments.command = tree.Chosen();
  arguments.timeout = TRY(ParseDuration(options.timeout).Context("--timeout"));
  if (options.format == "wide") arguments.format = Format::kWide;
  if (options.format == "json") arguments.format = Format::kJson;
  arguments.level = options.level == "quick" ? "Quick" : "Full";
  if (arguments.all_namespaces && !arguments.ns.empty())
    return InvalidArgument("--namespace and --all-namespaces contradict each other");
  TRY(CompleteStore(&arguments.store));
  TRY(CompleteStore(&arguments.to_store));
  for (std::string& store : arguments.stores) TRY(CompleteStore(&store));
  if (!options.expire_after.empty()) {
    const auto time = TRY(ParseDuration(options.expire_after).Context("--expire-after"));
    arguments.expire_after_seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  }
  if (arguments.command == Command::kRestore) TRY(CheckRestore(options));
  return arguments;
}

Arguments Print(std::string text) {
  Arguments arguments;
  arguments.text = std::move(text);
  return arguments;
}

}  // namespace

bool IsForCluster(int argc, const char* const* argv) {
  return argc > 0 && (IsPlugin(argv[0]) || (argc > 1 && std::string_view(argv[1]) == "kube"));
}

Result<Arguments> ParseArguments(int argc, const char* const* argv) {
  const bool is_plugin = IsPlugin(argv[0]);
  const char* const name = is_plugin ? "kubectl pannier" : "pannierctl kube";
  std::vector<std::string> words(argv + (is_plugin ? 1 : 2), argv + argc);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    Options options;
    Tree tree(name, options);
    try {
      tree.app().parse(std::move(words));
    } catch (const CLI::CallForHelp&) {
      return Print(tree.app().help("", CLI::AppFormatMode::Normal));
    } catch (const CLI::CallForVersion& version) {
      return Print(std::string(version.what()) + "\n");
    }
    return Collect(options, tree);
  } catch (const CLI::Error& error) {
    return InvalidArgument(error.what(), std::string(name) + " --help shows commands and flags");
  }
}

}  // namespace pannier::cluster
