// pannierctl: looks after a Pannier daemon from a shell. Exit codes: 0 done, 1 failed, 2 wrong
// usage or a wrong configuration, 3 damaged. As `kubectl-pannier`, or with `kube` as its first
// word: after VectorStores in Kubernetes (cli/cluster).
#include <cstdio>

#include "cli/cluster/commands.h"
#include "cli/commands.h"
#include "lib/contract/exit_status.h"

namespace {

using pannier::Error;
using pannier::Result;
using pannier::cli::Answer;

int Fail(const Error& error, int exit_code) {
  pannier::contract::PrintError(error);
  return exit_code;
}

int Print(const Answer& answer) {
  std::fputs(answer.text.c_str(), stdout);
  // A full disk or a closed pipe must not look like success.
  if (std::fflush(stdout) != 0) return Fail(pannier::Unavailable("cannot write the answer"), 1);
  return answer.exit_code;
}

int RunForCluster(int argc, char** argv) {
  const auto arguments = pannier::cluster::ParseArguments(argc, argv);
  if (!arguments.ok()) return Fail(arguments.error(), 2);
  const Result<Answer> answer = pannier::cluster::Run(*arguments, pannier::cli::ProcessTerminal());
  if (!answer.ok()) return Fail(answer.error(), pannier::cluster::ExitCodeOf(answer.error()));
  return Print(*answer);
}

int RunForDaemon(int argc, char** argv) {
  using namespace pannier::cli;  // NOLINT: this function is their only meeting place
  const auto arguments = ParseArguments(argc, argv, ProcessEnvironment());
  if (!arguments.ok()) return Fail(arguments.error(), 2);
  const Result<Answer> answer = Run(*arguments, ProcessTerminal());
  if (!answer.ok()) return Fail(answer.error(), ExitCodeOf(arguments->command, answer.error()));
  return Print(*answer);
}

}  // namespace

int main(int argc, char** argv) {
  return pannier::cluster::IsForCluster(argc, argv) ? RunForCluster(argc, argv)
                                                    : RunForDaemon(argc, argv);
}
