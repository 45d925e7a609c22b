// Goal: a socket's name always leads to a server that answers, or says why not; a failed start
// leaves nothing behind. Method: real sockets in a temporary folder.
#include "lib/http/listener.h"

#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "lib/http/server.h"
#include "tests/lib/http/server_fixture.h"

namespace pannier::http {
namespace {

using test::Get;
using test::RawClient;
using test::ServerFixture;
using test::TempDir;

Server::Options Named(const char* name) { return {.name = name, .limits = {}, .refusal = {}}; }

size_t Entries(const std::filesystem::path& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// A socket that does not listen.
file::Descriptor BoundTo(const std::string& path) {
  file::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

void MakeDeadSocket(const std::string& path) { BoundTo(path); }

TEST_CASE("listener: a second server on the same socket is refused and names the first",
          "[lib][http][listener]") {
  TempDir dir;
  const std::string path = dir / "s";
  Server first(Named("first"));
  first.Add(ServerFixture::OnSocket(path, test::Echo));
  REQUIRE(first.Start().ok());
  {
    Server second(Named("second"));
    second.Add(ServerFixture::OnTcp("127.0.0.1:0", test::Echo));
    second.Add(ServerFixture::OnSocket(path, test::Echo));
    const Status started = second.Start();
    REQUIRE(started.Is(Errc::kConflict));
    REQUIRE(started.error().what.find("process " + std::to_string(getpid())) != std::string::npos);
    REQUIRE(started.error().what.find(path) != std::string::npos);
    REQUIRE_FALSE(started.error().hint.empty());
    REQUIRE(second.addresses().empty());
  }
  RawClient client(first.addresses()[0]);
  client.Send(Get("/"));
  REQUIRE(client.Read().status == 200);
  first.Stop(std::chrono::seconds(0));
  REQUIRE(Entries(dir.path()) == 0);
  Server third(Named("third"));
  third.Add(ServerFixture::OnSocket(path, test::Echo));
  REQUIRE(third.Start().ok());
}

TEST_CASE("listener: a dead socket is replaced, anything else is left alone",
          "[lib][http][listener]") {
  TempDir dir;
  const std::string path = dir / "s";
  SECTION("dead socket") {
    MakeDeadSocket(path);
    Server server(Named("test"));
    server.Add(ServerFixture::OnSocket(path, test::Echo));
    REQUIRE(server.Start().ok());
    RawClient client(server.addresses()[0]);
    client.Send(Get("/"));
    REQUIRE(client.Read().status == 200);
  }
  SECTION("a file") {
    std::ofstream(path) << "precious";
    Server server(Named("test"));
    server.Add(ServerFixture::OnSocket(path, test::Echo));
    REQUIRE(server.Start().Is(Errc::kConflict));
    std::string text;
    std::ifstream(path) >> text;
    REQUIRE(text == "precious");
  }
  SECTION("a socket that took the name over") {
    Server server(Named("test"));
    server.Add(ServerFixture::OnSocket(path, test::Echo));
    REQUIRE(server.Start().ok());
    std::filesystem::remove(path);
    MakeDeadSocket(path);
    server.Stop(std::chrono::seconds(0));
    REQUIRE(std::filesystem::exists(path));
  }
  REQUIRE(Entries(dir.path()) <= 1);
}

// A socket as a supervisor keeps it.
file::Descriptor Listening(const std::string& path) {
  file::Descriptor socket = BoundTo(path);
  REQUIRE(listen(socket.get(), 16) == 0);
  return socket;
}

Listener Lent(const file::Descriptor& kept, const std::string& path) {
  Listener listener = ServerFixture::OnSocket(path, test::Echo);
  listener.lent = file::Descriptor(dup(kept.get()));
  return listener;
}

TEST_CASE("listener: who comes to a socket that is lent between two servers waits for the second",
          "[lib][http][listener]") {
  TempDir dir;
  const std::string path = dir / "s";
  const file::Descriptor kept = Listening(path);
  {
    Server first(Named("first"));
    first.Add(Lent(kept, path));
    REQUIRE(first.Start().ok());
    RawClient client(first.addresses()[0]);
    client.Send(Get("/"));
    REQUIRE(client.Read().status == 200);
    first.Stop(std::chrono::seconds(0));
  }
  REQUIRE(std::filesystem::is_socket(path));
  RawClient waiting("unix:" + path);
  waiting.Send(Get("/"));
  Server second(Named("second"));
  second.Add(Lent(kept, path));
  REQUIRE(second.Start().ok());
  REQUIRE(waiting.Read().status == 200);
}

TEST_CASE("listener: a socket that is lent must be the one that is meant",
          "[lib][http][listener]") {
  TempDir dir;
  const file::Descriptor kept = Listening(dir / "s");
  Server server(Named("test"));
  SECTION("another path") { server.Add(Lent(kept, dir / "t")); }
  SECTION("it does not listen") {
    Listener deaf = ServerFixture::OnSocket(dir / "u", test::Echo);
    deaf.lent = BoundTo(dir / "u");
    server.Add(std::move(deaf));
  }
  REQUIRE(server.Start().Is(Errc::kInvalidArgument));
  REQUIRE(std::filesystem::is_socket(dir / "s"));
}

TEST_CASE("listener: mode and group are set whatever the umask", "[lib][http][listener]") {
  TempDir dir;
  const mode_t before = umask(0777);
  Server server(Named("test"));
  Listener open = ServerFixture::OnSocket(dir / "open", test::Echo);
  open.unix_mode = 0666;
  open.unix_group = std::to_string(getgid());
  server.Add(std::move(open));
  server.Add(ServerFixture::OnSocket(dir / "usual", test::Echo));
  const Status started = server.Start();
  umask(before);
  REQUIRE(started.ok());
  struct stat info {};
  REQUIRE(stat((dir / "open").c_str(), &info) == 0);
  REQUIRE((info.st_mode & 07777) == 0666);
  REQUIRE(info.st_gid == getgid());
  REQUIRE(stat((dir / "usual").c_str(), &info) == 0);
  REQUIRE((info.st_mode & 07777) == 0660);
}

TEST_CASE("listener: a path that cannot be served says what and why", "[lib][http][listener]") {
  TempDir dir;
  const auto start = [](const std::string& path, const std::string& group = "") {
    Server server(Named("test"));
    Listener listener = ServerFixture::OnSocket(path, test::Echo);
    listener.unix_group = group;
    server.Add(std::move(listener));
    return server.Start();
  };
  // The longest that fits works, though the name beside is longer.
  const std::string base = dir.path().string() + "/";
  REQUIRE(base.size() < 100);
  const std::string longest = base + std::string(kUnixPathBytesMax - base.size(), 'l');
  REQUIRE(start(longest).ok());
  REQUIRE(start(longest + "l").Is(Errc::kInvalidArgument));
  REQUIRE(start(dir / "none" / "s").Is(Errc::kNotFound));
  REQUIRE_FALSE(start(dir / "none" / "s").error().hint.empty());
  REQUIRE(start(base).Is(Errc::kInvalidArgument));
  REQUIRE(start(dir / "s", "no-such-group").Is(Errc::kInvalidArgument));
  REQUIRE(Entries(dir.path()) == 0);
}

TEST_CASE("listener: a folder that may not be written is a clear error", "[lib][http][listener]") {
  TempDir dir;
  const std::filesystem::path folder = dir / "locked";
  std::filesystem::create_directory(folder);
  REQUIRE(chmod(folder.c_str(), 0555) == 0);
  Errc code = Errc::kInternal;
  std::string hint;
  // Root may write anywhere: a thread of another file system user may not.
  std::thread([&] {
    if (getuid() == 0) syscall(SYS_setfsuid, 65534);
    const Result<UnixListener> bound = UnixListener::Bind(folder / "s", 0660, "");
    if (bound.ok()) return;
    code = bound.error().code;
    hint = bound.error().hint;
  }).join();
  REQUIRE(code == Errc::kPermissionDenied);
  REQUIRE_FALSE(hint.empty());
  REQUIRE(Entries(folder) == 0);
}

TEST_CASE("listener: TCP addresses are numbers or localhost, and taken ones are refused",
          "[lib][http][listener]") {
  for (const char* address : {"", "8000", ":8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                              "127.0.0.1:70000", "127.0.0.1:-1", "example.com:80", "::1:80",
                              "[::1]", "[]:80", "[127.0.0.1:80", "127.0.0.1:80x"}) {
    CAPTURE(address);
    REQUIRE(TcpListener::Bind(address).Is(Errc::kInvalidArgument));
  }
  const Result<TcpListener> first = TcpListener::Bind("127.0.0.1:0");
  REQUIRE(first.ok());
  const Result<TcpListener> second = TcpListener::Bind(first->address);
  REQUIRE(second.Is(Errc::kConflict));
  REQUIRE(second.error().what.find(first->address) != std::string::npos);
  REQUIRE(TcpListener::Bind("192.0.2.1:0").Is(Errc::kUnavailable));
}

TEST_CASE("listener: localhost serves both families where the machine has them",
          "[lib][http][listener]") {
  Server server(Named("test"));
  server.Add(ServerFixture::OnTcp("localhost:0", test::Echo));
  REQUIRE(server.Start().ok());
  const std::string address = server.addresses()[0];
  REQUIRE(address.starts_with("http://localhost:"));
  const std::string port = address.substr(address.rfind(':'));
  const bool has_v6 = TcpListener::Bind("[::1]:0").ok();
  for (const std::string& host : {std::string("127.0.0.1"), std::string("[::1]")}) {
    if (host == "[::1]" && !has_v6) continue;
    RawClient client("http://" + host + port);
    client.Send(Get("/"));
    REQUIRE(client.Read().status == 200);
  }
}

}  // namespace
}  // namespace pannier::http
