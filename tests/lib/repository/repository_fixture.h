// A repository in a folder, with a clock that a test turns. Threads: one at a time.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "lib/crypto/sha256.h"
#include "lib/repository/repository.h"
#include "lib/repository/volume_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace pannier::test {

struct RepositoryFixture {
  TempDir dir;
  FakeClock clock;
  const std::filesystem::path folder = dir / "repository";
  repository::VolumeStore objects{folder, file::RealFileSystem(), clock};
  std::unique_ptr<repository::Repository> repository;
  Uuid owner = Uuid::Random(), store = Uuid::Random();

  SteadyTime Deadline() const { return clock.Steady() + std::chrono::hours(1); }

  repository::Repository& Make() {
    repository = repository::Repository::Initialise(objects, clock, Deadline()).value();
    return *repository;
  }

  // Puts chunks of these bytes; the manifest that names them, not yet committed.
  contract::Manifest Snapshot(uint64_t sequence, const std::vector<std::string>& chunks) {
    contract::Manifest manifest;
    manifest.uid = Uuid::Random();
    manifest.owner = owner;
    manifest.store = store;
    manifest.tenant = "t";
    manifest.database = "d";
    manifest.sequence = sequence;
    manifest.time = clock.Now();
    manifest.version = "test";
    for (const std::string& bytes : chunks) {
      const std::string name = crypto::ToHex(crypto::Sha256(bytes));
      const uint32_t stored = repository->PutChunk(name, bytes, Deadline()).value();
      const auto size = static_cast<uint32_t>(bytes.size());
      manifest.files.push_back(
          {"file-" + std::to_string(manifest.files.size()), size, {{name, size, stored}}});
    }
    return manifest;
  }

  bool HasChunk(const std::string& bytes) const {
    return std::filesystem::exists(folder /
                                   contract::ChunkKey(crypto::ToHex(crypto::Sha256(bytes))));
  }

  void Spill(const std::string& key, const std::string& bytes) {
    std::filesystem::create_directories((folder / key).parent_path());
    std::ofstream(folder / key, std::ios::binary) << bytes;
  }
  std::string Slurp(const std::string& key) const {
    std::ifstream in(folder / key, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
};

}  // namespace pannier::test
