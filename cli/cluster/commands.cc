#include "cli/cluster/commands.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/cluster/requests.h"
#include "cli/cluster/status.h"
#include "cli/cluster/support_bundle.h"
#include "operator/kube/access.h"
#include "operator/kube/api_server.h"

namespace pannier::cluster {

using cli::Answer;

Result<Answer> RunIn(const Arguments& arguments, Session& session) {
  switch (arguments.command) {
    case Command::kPrintText:
      return Answer{arguments.text};
    case Command::kStatus:
      return ShowStatus(arguments, session);
    case Command::kSnapshot:
      return TakeSnapshot(arguments, session);
    case Command::kRestore:
      return Restore(arguments, session);
    case Command::kVerify:
      return Verify(arguments, session);
    case Command::kOperations:
      return ShowOperations(arguments, session);
    case Command::kCleanupReport:
      return ShowCleanup(arguments, session);
    case Command::kSupportBundle:
      return WriteSupportBundle(arguments, session, file::RealFileSystem());
  }
  return Internal("a command that nothing carries out");
}

Result<Answer> Run(const Arguments& arguments, cli::Terminal& terminal) {
  if (arguments.command == Command::kPrintText) return Answer{arguments.text};
  kube::Access access = TRY(kube::FindAccess(arguments.kubeconfig, arguments.context));
  const std::string ns = arguments.ns.empty() ? access.default_namespace : arguments.ns;
  kube::ApiServer::Options options;
  options.field_manager = options.user_agent = "kubectl-pannier";
  const auto api =
      TRY(kube::ApiServer::Make(std::move(access), std::move(options), SystemClock(), {}));
  Session session{*api, SystemClock(), terminal,
                  [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }, ns};
  return RunIn(arguments, session);
}

int ExitCodeOf(const Error& error) {
  if (error.code == Errc::kInvalidArgument) return 2;
  if (error.code == Errc::kCorruption) return kDamagedExit;
  if (error.code == Errc::kDeadlineExceeded) return 5;
  return 1;
}

}  // namespace pannier::cluster
