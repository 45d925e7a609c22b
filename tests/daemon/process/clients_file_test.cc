#include "daemon/process/clients_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "lib/file/descriptor.h"
#include "tests/support/temp_dir.h"

namespace pannier::daemon {
namespace {

// What a client does to be one.
file::Descriptor Join(const file::Path& path) {
  file::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(file);
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) return {};
  return file;
}

TEST_CASE("clients file: it is taken once the last client is gone, and then keeps others out",
          "[daemon][process]") {
  const test::TempDir dir;
  const file::Path path = dir / "clients.lock";
  file::Descriptor first = Join(path);
  file::Descriptor second = Join(path);
  ClientsFile clients(path);
  REQUIRE_FALSE(clients.TakeWhenUnused());
  first = file::Descriptor();
  REQUIRE_FALSE(clients.TakeWhenUnused());
  second = file::Descriptor();
  REQUIRE(clients.TakeWhenUnused());
  REQUIRE_FALSE(Join(path));  // who comes now waits until this daemon has ended
  REQUIRE(clients.TakeWhenUnused());
}

TEST_CASE("clients file: nobody can come to a folder that is gone", "[daemon][process]") {
  const test::TempDir dir;
  ClientsFile clients(dir / "gone" / "clients.lock");
  REQUIRE(clients.TakeWhenUnused());
}

TEST_CASE("clients file: what cannot be opened ends nothing", "[daemon][process]") {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "clients.lock");  // as a folder it cannot be locked
  ClientsFile clients(dir / "clients.lock");
  REQUIRE_FALSE(clients.TakeWhenUnused());
}

}  // namespace
}  // namespace pannier::daemon
