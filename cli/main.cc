// pannierctl: looks after a Pannier daemon from a shell. Exit codes: 0 done, 1 failed, 2 wrong
// usage or a wrong configuration, 3 damaged.
#include <cstdio>

#include "cli/commands.h"

namespace {

int Fail(const pannier::Error& error, int exit_code) {
  std::fprintf(stderr, "error: %s\n", error.what.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "try: %s\n", error.hint.c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace pannier::cli;  // NOLINT: this file is their only meeting place
  const auto arguments = ParseArguments(argc, argv, ProcessEnvironment());
  if (!arguments.ok()) return Fail(arguments.error(), 2);
  const pannier::Result<Answer> answer = Run(*arguments, ProcessTerminal());
  if (!answer.ok()) return Fail(answer.error(), ExitCodeOf(arguments->command, answer.error()));
  std::fputs(answer->text.c_str(), stdout);
  // A full disk or a closed pipe must not look like success.
  if (std::fflush(stdout) != 0) return Fail(pannier::Unavailable("cannot write the answer"), 1);
  return answer->exit_code;
}
