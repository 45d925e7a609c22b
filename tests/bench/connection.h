// A blocking HTTP/1.1 connection with next to no cost of its own, for load generators.
// Threads: one at a time per connection. Every failure ends the program: figures of a run in which
// something failed are worth nothing.
#pragma once

#include <string>
#include <string_view>

#include "lib/file/descriptor.h"

namespace pannier::bench {

class Connection {
 public:
  // "unix:/run/pannier/pannier.sock" or "http://127.0.0.1:8000".
  explicit Connection(const std::string& address);

  // One exchange of prepared bytes (Prepare()). Returns the status; `body()` is the answer's.
  int Exchange(std::string_view request);
  std::string_view body() const { return std::string_view(received_).substr(head_bytes_); }

  // Method, path and JSON body as bytes to send.
  static std::string Prepare(std::string_view method, std::string_view path,
                             std::string_view body = {});

 private:
  void Send(std::string_view bytes);
  void ReceiveSome();

  file::Descriptor socket_;
  std::string received_;
  size_t head_bytes_ = 0;
};

// Prints `error: …` to stderr and exits with 1.
[[noreturn]] void Fail(const std::string& what);

}  // namespace pannier::bench
