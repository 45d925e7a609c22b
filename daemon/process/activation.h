// Sockets that systemd opened for the daemon (socket activation, sd_listen_fds(3)): they accept
// while the daemon starts again, so that its clients wait instead of being refused.
#pragma once

#include <map>
#include <string>

#include "lib/core/result.h"
#include "lib/file/descriptor.h"

namespace pannier::daemon {

// By the path that each is bound to.
using ActivatedSockets = std::map<std::string, file::Descriptor>;

// What $LISTEN_PID and $LISTEN_FDS hand over to this process; both are taken out of the
// environment, so that no child takes them for its own. Once, in the main thread, before others
// start.
//   kInvalidArgument   one of them is no Unix socket
Result<ActivatedSockets> TakeActivatedSockets();

}  // namespace pannier::daemon
