// A program that a test starts, whose lines it reads and which it signals. Dies with the test.
// Throws std::runtime_error when it cannot be started. Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lib/file/descriptor.h"

namespace pannier::test {

class Process {
 public:
  explicit Process(std::vector<std::string> arguments);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The next line of its output, without its end; nothing when none came in time.
  std::optional<std::string> ReadLine(std::chrono::milliseconds within);
  void Signal(int number) const;
  // Waits for its end.
  void Wait();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  file::Descriptor output_;
  std::string buffer_;
};

}  // namespace pannier::test
