// pannierd: owns a data directory and serves its stores to Chroma clients. Flags, config,
// construct, run, exit code.
#include <chrono>
#include <cstdio>
#include <string>

#include "daemon/child_verbs.h"
#include "daemon/config/command_line.h"
#include "daemon/config/load.h"
#include "daemon/config/reference.h"
#include "daemon/daemon.h"
#include "daemon/process/child.h"
#include "daemon/process/clients_file.h"
#include "daemon/process/process.h"
#include "lib/contract/exit_status.h"
#include "lib/contract/health_check.h"
#include "lib/contract/version.h"
#include "lib/core/log.h"
#include "lib/core/stop_signals.h"
#include "lib/file/file_system.h"

namespace pannier::daemon {
namespace {

// A client that closes waits so long for us to notice; a look costs four system calls.
constexpr std::chrono::milliseconds kLookForClientsEvery{50};

int Healthcheck(const CommandLine& line) {
  const Result<std::string> health =
      contract::AwaitHealth(line.healthcheck_socket, line.healthcheck_timeout);
  if (health.ok()) return 0;
  contract::PrintError(health.error());
  return contract::kExitFailed;
}

int Serve(const Config& config) {
  PrepareProcess();
  if (!config.core_dumps) ForbidCoreDumps();
  SetLogLevel(config.log_level);
  ClientsFile clients(config.clients_file);  // outlives the daemon: who is let in finds it gone
  Result<ActivatedSockets> sockets = TakeActivatedSockets();
  if (!sockets.ok()) return contract::ExitWith(sockets.error());
  Result<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(config, file::RealFileSystem(), SystemClock(), std::move(sockets).value());
  if (!daemon.ok()) return contract::ExitWith(daemon.error());
  ReleaseCode();
  NotifySupervisor("READY=1");
  const int signal =
      config.clients_file.empty()
          ? WaitForStopSignal()
          : WaitForStopSignalOr([&] { return clients.TakeWhenUnused(); }, kLookForClientsEvery);
  if (signal == 0) LogInfo("no client is left");
  NotifySupervisor("STOPPING=1");
  LogInfo("stopping").Add("signal", signal).Add("grace_ms", config.shutdown_grace);
  (*daemon)->Stop();
  LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  if (IsChild(argc, argv)) return ServeChild(ChildVerbs(), argc, argv);
  const Environment environment = ProcessEnvironment();
  const Result<CommandLine> line =
      ParseCommandLine(argc, argv, contract::VersionLine(), environment);
  if (!line.ok()) return contract::ExitWith(line.error());
  switch (line->action) {
    case CommandLine::Action::kPrintText:
      std::fputs(line->text.c_str(), stdout);
      return 0;
    case CommandLine::Action::kPrintConfigReference:
      std::fputs(ConfigReference().c_str(), stdout);
      return 0;
    case CommandLine::Action::kHealthcheck:
      return Healthcheck(*line);
    case CommandLine::Action::kCheckConfig:
    case CommandLine::Action::kServe:
      break;
  }
  const Result<Config> config = Load(line->flags, environment, file::RealFileSystem());
  if (!config.ok()) return contract::ExitWith(config.error());
  if (line->action == CommandLine::Action::kCheckConfig) {
    std::puts("the configuration is valid");
    return 0;
  }
  return Serve(*config);
}

}  // namespace
}  // namespace pannier::daemon

int main(int argc, char** argv) { return pannier::daemon::Main(argc, argv); }
