#include "operator/command_line.h"

#include <CLI/CLI.hpp>
#include <map>
#include <vector>

namespace pannier::control {
namespace {

constexpr const char* kAbout =
    "Keeps the vector stores of a Kubernetes cluster snapshotted, checked and repaired.";

// What CLI11 fills.
struct Raw {
  OperatorOptions options;
  std::string log_level = "info";
  bool version = false;
};

void DeclareRun(CLI::App& run, Raw& raw) {
  OperatorOptions& options = raw.options;
  const auto text = [&](const char* flag, std::string& value, const char* type, const char* help) {
    run.add_option(flag, value, help)->type_name(type);
  };
  text("--namespace", options.own_namespace, "NAME",
       "The operator's own namespace, of its Lease and Secrets [POD_NAMESPACE]");
  text("--watch-namespace", options.watch_namespace, "NAME",
       "The only namespace whose objects it serves [all]");
  text("--kubeconfig", options.kubeconfig, "FILE",
       "How to reach the API server [that of the cluster it runs in]");
  text("--webhook-address", options.webhook_address, "HOST:PORT",
       "Where the admission webhook listens [0.0.0.0:9443]");
  text("--webhook-service", options.webhook_service, "NAME",
       "The webhook's Service; its certificates are in the Secret NAME-certs [no webhook]");
  text("--webhook-name", options.webhook_name, "NAME",
       "The mutating and the validating webhook configuration, whose caBundle it keeps [none]");
  text("--metrics-address", options.metrics_address, "HOST:PORT",
       "Where /metrics, /healthz and /readyz are served [0.0.0.0:8080]");
  run.add_option("--leader-election", options.leader_election,
                 "Whether to act only while holding the Lease [true]")
      ->type_name("BOOL");
  text("--daemon-image", options.daemon_image, "IMAGE",
       "Image of injected daemons where a VectorStore names none [none]");
  text("--log-level", raw.log_level, "LEVEL", "debug, info, warn or error [info]");
  run.add_flag("--allow-claim-deletion", options.allow_claim_deletion,
               "Let StoreCleanupPolicies delete PersistentVolumeClaims [no]");
  run.add_flag("--honour-admin-address", options.honour_admin_address,
               "Dial daemons where pods say by the annotation pannier.dev/admin-address: for tests "
               "and port-forwards [no]");
}

Result<LogLevel> LevelOf(const std::string& word) {
  static const std::map<std::string, LogLevel> kLevels = {{"debug", LogLevel::kDebug},
                                                          {"info", LogLevel::kInfo},
                                                          {"warn", LogLevel::kWarn},
                                                          {"error", LogLevel::kError}};
  const auto found = kLevels.find(word);
  if (found != kLevels.end()) return found->second;
  return InvalidArgument("--log-level: there is no level \"" + word + "\"",
                         "debug, info, warn or error");
}

Result<OperatorCommand> Collect(Raw raw, const Environment& environment) {
  OperatorCommand command;
  raw.options.log_level = TRY(LevelOf(raw.log_level));
  if (raw.options.own_namespace.empty()) {
    raw.options.own_namespace = environment("POD_NAMESPACE").value_or("");
  }
  if (raw.options.own_namespace.empty()) {
    return InvalidArgument("the operator does not know its own namespace",
                           "set POD_NAMESPACE, or give --namespace");
  }
  command.options = std::move(raw.options);
  return command;
}

// Without the program's name, last first, as CLI11 takes words. "--flag=", as templates write what
// is not set, is left out: CLI11 would take the next word for the value.
std::vector<std::string> WordsOf(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    std::string word = argv[i];
    if (word.starts_with("--") && word.ends_with("=")) continue;
    words.push_back(std::move(word));
  }
  return words;
}

OperatorCommand Print(std::string text) {
  OperatorCommand command;
  command.action = OperatorCommand::Action::kPrint;
  command.text = std::move(text);
  return command;
}

}  // namespace

Result<OperatorCommand> ParseOperatorCommand(int argc, const char* const* argv,
                                             std::string_view version,
                                             const Environment& environment) {
  static constexpr const char* kHint = "pannier-operator run --help shows the flags";
  try {
    CLI::App app(kAbout, "pannier-operator");
    Raw raw;
    CLI::App* run = app.add_subcommand("run", "Run the operator");
    DeclareRun(*run, raw);
    for (CLI::App* each : {&app, run}) {
      each->add_flag("--version", raw.version, "Print the version");
    }
    try {
      app.parse(WordsOf(argc, argv));
    } catch (const CLI::CallForHelp&) {
      return Print((*run ? *run : app).help());
    }
    if (raw.version) return Print("pannier-operator " + std::string(version) + "\n");
    if (!*run) return InvalidArgument("nothing is to be done", "pannier-operator run");
    return Collect(std::move(raw), environment);
  } catch (const CLI::Error& error) {
    return InvalidArgument(error.what(), kHint);
  }
}

}  // namespace pannier::control
