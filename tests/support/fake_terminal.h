// A person at a terminal who gives one answer, or a pipe. Threads: one.
#pragma once

#include <string>

#include "cli/terminal.h"

namespace pannier::test {

class FakeTerminal final : public cli::Terminal {
 public:
  bool DrawsBars() const override { return person; }
  bool CanAsk() const override { return person; }
  void Write(std::string_view text) override { written += text; }
  std::string ReadLine() override { return answer; }
  bool person = false;
  std::string answer, written;
};

}  // namespace pannier::test
