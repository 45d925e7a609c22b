// A client of raw bytes for the tests of lib/http: says exactly what a test wants, whole or in
// pieces, and reads answers strictly. What a test needs and does not get within ten seconds is
// thrown as an exception. Threads: one at a time per client.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "lib/core/mutex.h"
#include "lib/file/descriptor.h"

namespace pannier::test {

struct RawAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

class RawClient {
 public:
  RawClient() = default;
  // "unix:/path" or "http://127.0.0.1:8000", as Server::addresses() says.
  explicit RawClient(const std::string& address) : RawClient(MakeSocket(address), address) {}
  // Of a socket made before.
  RawClient(file::Descriptor socket, const std::string& address);
  static file::Descriptor MakeSocket(const std::string& address);
  // Whether somebody accepts there.
  static bool CanConnect(const std::string& address);

  void Send(std::string_view bytes);
  // False when the server has closed.
  bool TrySend(std::string_view bytes);
  void FinishSending();  // half-closes

  // One answer. `to_head`: it answers HEAD, so no body follows.
  RawAnswer Read(bool to_head = false);
  // Exactly as many bytes.
  std::string ReadBytes(size_t count);
  // Whether the server ended the connection and nothing more came.
  bool AtEnd();
  // Reads and drops until the server ends the connection; returns how many bytes came.
  size_t ReadToEnd();
  // Whether bytes, or the end, are here at once.
  bool HasInput() const;

  void Close() { socket_ = file::Descriptor(); }
  void Reset();  // closes with a reset, of TCP
  int descriptor() const { return socket_.get(); }

 private:
  bool More();  // reads into received_; false at the end

  file::Descriptor socket_;
  std::string received_;
};

// Waits until `condition` holds; false after ten seconds.
bool Await(const std::function<bool()>& condition);

// Holds threads until it is opened.
class Gate {
 public:
  void Pass();
  void Open();
  int waiting() const;

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
  int waiting_ GUARDED_BY(mutex_) = 0;
};

int ThreadsOfThisProcess();

}  // namespace pannier::test
