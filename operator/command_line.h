// The flags of pannier-operator. Threads: pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/log.h"
#include "lib/core/result.h"

namespace pannier::control {

struct OperatorOptions {
  std::string own_namespace;    // where its Lease and Secrets are
  std::string watch_namespace;  // "" for all
  std::string kubeconfig;       // "" for that of the cluster we run in
  std::string webhook_address = "0.0.0.0:9443";
  std::string webhook_service;  // "" for no webhook
  std::string webhook_name;     // of both webhook configurations
  std::string metrics_address = "0.0.0.0:8080";
  bool leader_election = true;
  std::string daemon_image;  // where a VectorStore names none
  LogLevel log_level = LogLevel::kInfo;
  bool allow_claim_deletion = false;
  bool honour_admin_address = false;
};

struct OperatorCommand {
  enum class Action { kRun, kPrint };
  Action action = Action::kRun;
  std::string text;  // to print
  OperatorOptions options;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

//   kInvalidArgument  a flag is wrong; the text names it
Result<OperatorCommand> ParseOperatorCommand(int argc, const char* const* argv,
                                             std::string_view version,
                                             const Environment& environment);

}  // namespace pannier::control
