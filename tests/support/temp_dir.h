// A directory of a test's own, removed with all it holds at the end of the scope.
// Lies below $TMPDIR, with a short name, so that Unix socket paths fit. Threads: a value.
#pragma once

#include <filesystem>
#include <string_view>

namespace pannier::test {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace pannier::test
