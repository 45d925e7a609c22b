#include "daemon/config/reference.h"

#include <catch2/catch.hpp>

#include "lib/file/file_system.h"

namespace pannier::daemon {
namespace {

TEST_CASE("config reference: docs/configuration.md is what the table of keys says",
          "[daemon][config]") {
  const auto page =
      file::ReadFile(file::RealFileSystem(), PANNIER_SOURCE_DIR "/docs/configuration.md", 1 << 20);
  REQUIRE(page.ok());
  INFO("write it anew with: build/bin/pannierd --print-config-reference > docs/configuration.md");
  const bool current = *page == ConfigReference();
  REQUIRE(current);
}

}  // namespace
}  // namespace pannier::daemon
