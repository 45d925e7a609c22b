#include "tests/support/s3_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include "lib/core/uuid.h"
#include "lib/file/descriptor.h"

namespace pannier::test {
namespace {

namespace fs = std::filesystem;

std::string Program() {
  if (const char* given = std::getenv("PANNIER_VERSITYGW"); given != nullptr) return given;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base = cache != nullptr ? fs::path(cache) : fs::path(home) / ".cache";
  return base / "pannier" / "bin" / "versitygw";
}

void Spill(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string Slurp(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// "GET /health" answered with 200.
bool Answers(const std::string& path) {
  const file::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return false;
  const std::string request = "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
  char answer[64] = {};
  const ssize_t got = ::recv(socket.get(), answer, sizeof answer - 1, MSG_WAITALL);
  return got > 0 && std::string(answer).find(" 200 ") != std::string::npos;
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port = ::htons(static_cast<uint16_t>(port));
  return address;
}

int FreePort() {
  const file::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!bound) throw std::runtime_error("no port is free");
  return ::ntohs(address.sin_port);
}

bool Accepts(const std::string& port) {
  const file::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(std::atoi(port.c_str()));
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

S3Server::S3Server(Transport transport)
    : access_key_("AK" + RandomHex(8)), secret_key_(RandomHex(20)), transport_(transport) {
  if (::access(Program().c_str(), X_OK) != 0) {
    throw std::runtime_error("the S3 server of the tests is not at " + Program() +
                             "; try: scripts/deps.sh");
  }
  Spill(access_key_file(), access_key_ + "\n");
  Spill(secret_key_file(), secret_key_ + "\n");
  fs::create_directories(dir_ / "buckets");
  if (transport_ == Transport::kTls) {
    MakeCertificates();
    StartOnFreePort();
    return;
  }
  Start();
  if (!AwaitAnswer())
    throw std::runtime_error("the S3 server of the tests did not start: " + Slurp(dir_ / "log"));
  proxy_ = std::make_unique<FaultProxy>(socket());
}

void S3Server::MakeCertificates() const {
  const std::string dir = dir_.path().string();
  const std::string request =
      " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ";
  const std::string command =
      "cd " + dir + " && openssl req -x509" + request + "ca.key -out ca.pem -subj /CN=ca" +
      " -addext keyUsage=critical,keyCertSign && openssl req -x509" + request +
      "tls.key -out tls.pem -CA ca.pem -CAkey ca.key -subj /CN=localhost" +
      " -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
  if (std::system(("(" + command + ") >" + dir + "/openssl.log 2>&1").c_str()) != 0)
    throw std::runtime_error("openssl made no certificate: " + Slurp(dir_ / "openssl.log"));
}

// Between finding a free port and taking it, another may: then with another one.
void S3Server::StartOnFreePort() {
  for (int attempt = 0; attempt < 10; ++attempt) {
    port_ = std::to_string(FreePort());
    Start();
    if (AwaitAnswer()) return;
  }
  throw std::runtime_error("the S3 server of the tests did not start: " + Slurp(dir_ / "log"));
}

void S3Server::Start() {
  const bool tls = transport_ == Transport::kTls;
  std::vector<std::string> words = {
      Program(),          "--port",    tls ? "127.0.0.1:" + port_ : socket(),
      "--health",         "/health",   "--quiet",
      "--virtual-domain", "localhost", "--keep-alive"};
  if (tls) words.insert(words.end(), {"--cert", dir_ / "tls.pem", "--key", dir_ / "tls.key"});
  words.insert(words.end(), {"posix", dir_ / "buckets"});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> settings = {"ROOT_ACCESS_KEY=" + access_key_,
                                       "ROOT_SECRET_KEY=" + secret_key_, "PATH=/usr/bin:/bin",
                                       "HOME=" + dir_.path().string()};
  std::vector<char*> environment;
  for (std::string& setting : settings) environment.push_back(setting.data());
  environment.push_back(nullptr);
  const std::string log = dir_ / "log";
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no process could be made for the S3 server");
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::execve(arguments[0], arguments.data(), environment.data());
  ::_exit(127);
}

// False when it ended instead.
bool S3Server::AwaitAnswer() const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < until) {
    if (transport_ == Transport::kTls ? Accepts(port_) : Answers(socket())) return true;
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  return false;
}

S3Server::~S3Server() {
  proxy_.reset();
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string S3Server::NewBucket() {
  const std::string name = "bucket-" + std::to_string(++buckets_);
  fs::create_directory(FolderOf(name));
  return name;
}

S3Server& SharedS3Server() {
  static S3Server server;
  return server;
}

}  // namespace pannier::test
