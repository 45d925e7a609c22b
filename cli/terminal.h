// Whom a command talks to besides its answer on stdout: progress and questions, on stderr and
// stdin. Threads: one.
#pragma once

#include <string>
#include <string_view>

namespace pannier::cli {

class Terminal {
 public:
  virtual ~Terminal() = default;
  // Whether a person sees stderr: then progress is a bar that is drawn over.
  virtual bool DrawsBars() const = 0;
  // Whether a person can be asked.
  virtual bool CanAsk() const = 0;
  virtual void Write(std::string_view text) = 0;  // to stderr
  virtual std::string ReadLine() = 0;             // of stdin; empty at its end
};

// This process's own; lives for the whole process.
Terminal& ProcessTerminal();

}  // namespace pannier::cli
