#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <string>

#include "lib/core/check.h"

namespace pannier::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "pannier-XXXXXX").string();
  const bool made = ::mkdtemp(name.data()) != nullptr;
  CHECK(made);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;  // a test may have removed it itself
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace pannier::test
