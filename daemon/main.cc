// pannierd: owns a data directory and serves its stores to Chroma clients. Flags, config,
// construct, run, exit code.
#include <cstdio>
#include <string>

#include "daemon/child_verbs.h"
#include "daemon/config/command_line.h"
#include "daemon/config/load.h"
#include "daemon/config/reference.h"
#include "daemon/daemon.h"
#include "daemon/process/child.h"
#include "daemon/process/process.h"
#include "lib/contract/health_check.h"
#include "lib/contract/version.h"
#include "lib/core/log.h"
#include "lib/file/file_system.h"

namespace pannier::daemon {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

int Report(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "try: %s\n", error.hint.c_str());
  return error.code == Errc::kInvalidArgument ? kWrongUsage : kFailed;
}

std::string VersionLine() {
  return std::string(contract::Version()) + " (" + std::string(contract::Commit()) + ")";
}

int Healthcheck(const CommandLine& line) {
  const Result<std::string> health =
      contract::CheckHealth(line.healthcheck_socket, line.healthcheck_timeout);
  if (health.ok()) return 0;
  Report(health.error());
  return kFailed;
}

int Serve(const Config& config) {
  PrepareProcess();
  SetLogLevel(config.log_level);
  Result<std::unique_ptr<Daemon>> daemon =
      Daemon::Start(config, file::RealFileSystem(), SystemClock());
  if (!daemon.ok()) return Report(daemon.error());
  NotifySupervisor("READY=1");
  const int signal = WaitForSignal();
  NotifySupervisor("STOPPING=1");
  LogInfo("stopping").Add("signal", signal).Add("grace_ms", config.shutdown_grace);
  (*daemon)->Stop();
  LogInfo("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  if (IsChild(argc, argv)) return ServeChild(ChildVerbs(), argc, argv);
  const Environment environment = ProcessEnvironment();
  const Result<CommandLine> line = ParseCommandLine(argc, argv, VersionLine(), environment);
  if (!line.ok()) return Report(line.error());
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
  if (!config.ok()) return Report(config.error());
  if (line->action == CommandLine::Action::kCheckConfig) {
    std::puts("the configuration is valid");
    return 0;
  }
  return Serve(*config);
}

}  // namespace
}  // namespace pannier::daemon

int main(int argc, char** argv) { return pannier::daemon::Main(argc, argv); }
