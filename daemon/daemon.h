// The whole daemon, wired: stores, API, servers, metrics.
//
// Start order: lock and catalog, then the admin socket and metrics (alive, not ready), then the
// data listeners (ready). Stop order: the data listeners drain, then the admin side, then the
// stores close. Threads: Start and Stop from one thread. Lifetime: `files` and `clock` outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/process/activation.h"
#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::daemon {

class Daemon {
 public:
  // Serves when it returns ok, and has said `msg=ready` with its addresses.
  // Listens with `sockets` where the configuration names their paths.
  //   what Stores::Open and http::Server::Start fail with; nothing listens then
  //   kInvalidArgument   the configuration names the path of one of `sockets` nowhere
  static Result<std::unique_ptr<Daemon>> Start(const Config& config, file::FileSystem& files,
                                               const Clock& clock, ActivatedSockets sockets = {});
  ~Daemon();

  // What it listens on, with real ports, as http::Server::addresses() says: data, then admin.
  std::vector<std::string> addresses() const;

  // Lets running requests end within the grace time of the configuration, then closes everything.
  // Idempotent.
  void Stop();

 private:
  class Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::daemon
