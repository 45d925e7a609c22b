// pannier-operator: flags, construct, run, exit code.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>

#include "lib/contract/exit_status.h"
#include "lib/contract/version.h"
#include "lib/core/stop_signals.h"
#include "operator/operator.h"

namespace pannier::control {
namespace {

int Run(const OperatorOptions& options) {
  // Of a process with many threads and small answers the arenas would be most of its memory.
  mallopt(M_ARENA_MAX, 2);
  SetLogLevel(options.log_level);
  BlockStopSignals();
  const Result<kube::Access> access = kube::FindAccess(options.kubeconfig);
  if (!access.ok()) return contract::ExitWith(access.error());
  Result<std::unique_ptr<Operator>> made = Operator::Make(options, *access, SystemClock());
  if (!made.ok()) return contract::ExitWith(made.error());
  const Status started = (*made)->Start();
  if (!started.ok()) return contract::ExitWith(started.error());
  LogInfo("started").Add("version", contract::Version());
  const int signal = WaitForStopSignal();
  LogInfo("stopping").Add("signal", signal);
  (*made)->Stop();
  LogInfo("stopped");
  return 0;
}

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int Main(int argc, char** argv) {
  const Result<OperatorCommand> command =
      ParseOperatorCommand(argc, argv, contract::VersionLine(), Variable);
  if (!command.ok()) return contract::ExitWith(command.error());
  if (command->action == OperatorCommand::Action::kRun) return Run(command->options);
  std::fputs(command->text.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace pannier::control

int main(int argc, char** argv) { return pannier::control::Main(argc, argv); }
