#include "cli/terminal.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace pannier::cli {
namespace {

class StandardStreams final : public Terminal {
 public:
  bool DrawsBars() const override { return ::isatty(STDERR_FILENO) == 1; }
  bool CanAsk() const override {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  }
  void Write(std::string_view text) override {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }
  std::string ReadLine() override {
    std::string line;
    std::getline(std::cin, line);
    return line;
  }
};

}  // namespace

Terminal& ProcessTerminal() {
  static StandardStreams streams;
  return streams;
}

}  // namespace pannier::cli
