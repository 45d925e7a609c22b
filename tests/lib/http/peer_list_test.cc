// Goal: a process that is not on a socket's list gets nothing of it, whatever it sends, and those
// who are on it notice no list.
// Method: lists with and without this process's own user and groups; and, where the test may change
// its user, a real process of another.
#include "lib/http/peer_list.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "lib/http/listener.h"
#include "tests/lib/http/server_fixture.h"

using namespace pannier;
using namespace pannier::test;
using http::PeerList;

namespace {

constexpr uid_t kNobody = 65'534;

// One end of a connection with this process.
struct Pair {
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
  ~Pair() {
    close(ends[0]);
    close(ends[1]);
  }
  int ends[2];
};

bool AdmitsUs(const std::vector<std::string>& users, const std::vector<std::string>& groups) {
  const Pair pair;
  return PeerList::Of(users, groups)
      .value()
      .Admits(pair.ends[0], http::PeerOf(pair.ends[0], /*is_unix=*/true));
}

std::string Other(uint32_t number) { return std::to_string(number + 1); }

// A server whose socket has that list.
struct Guarded {
  explicit Guarded(PeerList list) : server({.name = "test", .limits = {}, .refusal = {}}) {
    http::Listener listener = ServerFixture::OnSocket(dir / "s", Echo);
    listener.unix_mode = 0666;
    listener.peers = std::move(list);
    server.Add(std::move(listener));
    REQUIRE(server.Start().ok());
  }
  TempDir dir;
  http::Server server;
};

// Exit status of a process of another user that asks for a path: 0 it was answered, 1 it got
// nothing, 2 it could not try.
int AskAs(uid_t user, const std::string& address) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(user) != 0 || setuid(user) != 0) _exit(2);
    RawClient client(address);
    (void)client.TrySend(Get("/hello"));
    pollfd state{client.descriptor(), POLLIN, 0};
    if (poll(&state, 1, 10'000) != 1) _exit(2);
    char first = 0;
    _exit(recv(client.descriptor(), &first, 1, 0) == 1 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

}  // namespace

TEST_CASE("peers: a list lets in whom it names, by user or by group", "[http]") {
  REQUIRE(AdmitsUs({}, {}));
  REQUIRE(AdmitsUs({std::to_string(getuid())}, {}));
  REQUIRE(AdmitsUs({Other(getuid()), std::to_string(getuid())}, {}));
  REQUIRE(AdmitsUs({}, {std::to_string(getgid())}));
  REQUIRE_FALSE(AdmitsUs({Other(getuid())}, {}));
  REQUIRE_FALSE(AdmitsUs({Other(getuid())}, {std::to_string(kNobody - 7)}));
}

TEST_CASE("peers: names are those of this machine, and unknown ones are refused", "[http]") {
  REQUIRE(AdmitsUs({"root"}, {}) == (getuid() == 0));
  for (const auto& list :
       {PeerList::Of({"no-such-user"}, {}), PeerList::Of({}, {"no-such-group"})}) {
    REQUIRE(list.Is(Errc::kInvalidArgument));
    REQUIRE_FALSE(list.error().hint.empty());
  }
}

TEST_CASE("peers: who comes over TCP is on no list", "[http]") {
  http::Peer peer;
  peer.address = "127.0.0.1:1";
  REQUIRE_FALSE(PeerList::Of({std::to_string(getuid())}, {}).value().Admits(-1, peer));
}

TEST_CASE("peers: a connection from outside the list ends without a byte", "[http]") {
  Guarded guarded(PeerList::Of({Other(getuid())}, {}).value());
  for (int i = 0; i < 3; ++i) {
    RawClient stranger(guarded.server.addresses()[0]);
    (void)stranger.TrySend(Get("/hello"));
    REQUIRE(stranger.ReadToEnd() == 0);
  }
  REQUIRE(guarded.server.stats().connections_accepted == 0);
  REQUIRE(guarded.server.stats().connections_refused == 3);
  REQUIRE(guarded.server.stats().connections_open == 0);
}

TEST_CASE("peers: a process of another user is told from ours by the kernel", "[http]") {
  if (getuid() != 0) return;  // only root can be another
  PeerList only_us = PeerList::Of({std::to_string(getuid())}, {}).value();
  Guarded guarded(std::move(only_us));
  chmod(guarded.dir.path().c_str(), 0711);
  const std::string address = guarded.server.addresses()[0];
  REQUIRE(AskAs(kNobody, address) == 1);
  REQUIRE(AskAs(getuid(), address) == 0);
  Guarded open(PeerList::Of({}, {std::to_string(kNobody)}).value());
  chmod(open.dir.path().c_str(), 0711);
  REQUIRE(AskAs(kNobody, open.server.addresses()[0]) == 0);
}
