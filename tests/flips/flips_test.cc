// Goal: whatever happens to the bytes of a store's files, it is noticed before it is answered, a
// check finds it, and a salvage brings back all that is not lost and says what is. Method: seeded
// damage of many kinds to copies of small stores; every answer is held against a model.
// PANNIER_SEED replays, PANNIER_TORTURE_ROUNDS makes it longer.
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>

#include "daemon/store/store_check.h"
#include "tests/flips/world.h"

namespace pannier::flips {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kPageBytes = 16'384;
constexpr int kRounds = 500;

// What was done to a file, in words for whoever reads a failure.
struct Harm {
  std::string what;
  bool is_one_bit = false;
  bool is_two_pages = false;
};

class Harmer {
 public:
  Harmer(fs::path path, test::Random& random) : path_(std::move(path)), random_(random) {
    std::ifstream in(path_, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
  }

  Harm Any() {
    if (bytes_.empty()) return {"nothing: it is empty", false};
    const uint64_t kind = random_.Below(10);
    Harm harm = kind < 5    ? FlipBit()
                : kind == 5 ? Scribble()
                : kind == 6 ? ZeroSector()
                : kind == 7 ? SwapPages()
                : kind == 8 ? OldPage()
                            : Truncate();
    harm.what = path_.filename().string() + ": " + harm.what;
    Save();
    return harm;
  }

 private:
  // Mostly where something is: much of a small store is zeros.
  uint64_t Somewhere() {
    uint64_t at = random_.Below(bytes_.size());
    for (int i = 0; i < 8 && bytes_[at] == 0; ++i) at = random_.Below(bytes_.size());
    return at;
  }
  Harm FlipBit() {
    const uint64_t at = Somewhere(), bit = random_.Below(8);
    bytes_[at] = static_cast<char>(bytes_[at] ^ (1 << bit));
    return {"bit " + std::to_string(bit) + " of byte " + std::to_string(at), true};
  }
  Harm Scribble() {
    const uint64_t at = Somewhere(), count = 1 + random_.Below(40);
    for (uint64_t i = at; i < std::min<uint64_t>(at + count, bytes_.size()); ++i) {
      bytes_[i] = static_cast<char>(random_.Below(256));
    }
    return {std::to_string(count) + " bytes from " + std::to_string(at)};
  }
  Harm ZeroSector() {
    const uint64_t sector = random_.OneIn(3) ? kPageBytes : 512;
    const uint64_t at = Somewhere() / sector * sector;
    for (uint64_t i = at; i < std::min<uint64_t>(at + sector, bytes_.size()); ++i) bytes_[i] = 0;
    return {std::to_string(sector) + " zeros from " + std::to_string(at)};
  }
  Harm SwapPages() {
    const uint64_t pages = bytes_.size() / kPageBytes;
    if (pages < 2) return FlipBit();
    const uint64_t a = random_.Below(pages), b = random_.Below(pages);
    std::swap_ranges(bytes_.begin() + static_cast<ptrdiff_t>(a * kPageBytes),
                     bytes_.begin() + static_cast<ptrdiff_t>((a + 1) * kPageBytes),
                     bytes_.begin() + static_cast<ptrdiff_t>(b * kPageBytes));
    return {"pages " + std::to_string(a + 1) + " and " + std::to_string(b + 1) + " swapped",
            /*is_one_bit=*/false, /*is_two_pages=*/true};
  }
  Harm OldPage() {
    const uint64_t pages = bytes_.size() / kPageBytes;
    if (pages < 2) return FlipBit();
    const uint64_t from = random_.Below(pages), to = random_.Below(pages);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(from * kPageBytes), kPageBytes,
                bytes_.begin() + static_cast<ptrdiff_t>(to * kPageBytes));
    return {"page " + std::to_string(from + 1) + " over " + std::to_string(to + 1)};
  }
  Harm Truncate() {
    const uint64_t to = random_.Below(bytes_.size());
    bytes_.resize(random_.OneIn(2) ? to : to / kPageBytes * kPageBytes);
    return {"cut to " + std::to_string(bytes_.size())};
  }
  // In place, since somebody may have it open.
  void Save() {
    std::fstream out(path_, std::ios::binary | std::ios::in | std::ios::out);
    out.write(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    out.close();
    fs::resize_file(path_, bytes_.size());
  }

  const fs::path path_;
  test::Random& random_;
  std::string bytes_;
};

// What a check of the files says, and whether answers agree with it.
bool CheckAndCompare(const fs::path& folder, const World& world, test::Random& random) {
  const auto checked =
      store::CheckStoreFile(folder.string(), store::CheckLevel::kFull, "", nullptr);
  INFO((checked.ok() ? std::string() : checked.error().what));
  REQUIRE(checked.ok());
  const bool sound = checked->sound;
  CAPTURE(sound);
  store::CountingHost host;
  Status failed;
  const auto store = OpenIn(folder, host, &failed);
  if (store == nullptr) {
    INFO(failed.error().what);
    REQUIRE(failed.error().code == Errc::kCorruption);
    REQUIRE_FALSE(sound);
    return false;
  }
  const int damaged = CompareAnswers(*store, world.model(), random);
  if (sound) REQUIRE(damaged == 0);
  return sound;
}

void SalvageAndCompare(const fs::path& folder, const World& world, test::Random& random,
                       MayLose may_lose) {
  const bool with_snapshot = random.OneIn(2);
  CAPTURE(with_snapshot);
  test::TempDir fresh;
  const auto report = salvage::SalvageStore(folder.string(), with_snapshot ? world.snapshot() : "",
                                            fresh.path().string(), "", nullptr);
  if (!report.ok()) {
    INFO(report.error().what);
    REQUIRE(report.error().code == Errc::kCorruption);
    REQUIRE(may_lose != MayLose::kNothing);
    return;
  }
  for (const std::string& message : report->messages) UNSCOPED_INFO(message);
  const auto checked =
      store::CheckStoreFile(fresh.path().string(), store::CheckLevel::kFull, "", nullptr);
  REQUIRE(checked->damage_total == 0);
  REQUIRE(checked->records == report->records);
  CompareSalvaged(fresh.path(), *report, world, with_snapshot, may_lose);
}

// Rounds over copies of one world; each file is harmed in turn.
void HarmAtRest(const World& world, const std::vector<std::string>& files, int rounds) {
  test::Random random(test::Seed());
  test::TempDir dir;
  for (int round = 0; round < rounds; ++round) {
    const fs::path folder = dir / "store";
    world.CopyTo(folder);
    const std::string& file = random.Of(files);
    const Harm harm = Harmer(folder / file, random).Any();
    CAPTURE(test::Seed(), round, harm.what);
    const fs::path again = dir / "again";
    if (round % 3 == 0) {
      fs::remove_all(again);
      fs::copy(folder, again);
    }
    const bool sound = CheckAndCompare(folder, world, random);
    if (round % 3 != 0) continue;
    const bool is_repaired = harm.is_one_bit && file == "store.db";
    SalvageAndCompare(again, world, random,
                      is_repaired || sound ? MayLose::kNothing
                      : harm.is_two_pages  ? MayLose::kIdsToo
                                           : MayLose::kRecords);
  }
}

int Share(int percent) { return std::max(1, test::Rounds(kRounds) * percent / 100); }

TEST_CASE("flips: harm to a closed store's file is found, and salvaged", "[flips]") {
  HarmAtRest(World(300, World::End::kClosed, test::Seed()), {"store.db"}, Share(40));
}

TEST_CASE("flips: harm to the files of a killed process is found, and salvaged", "[flips]") {
  HarmAtRest(World(200, World::End::kKilled, test::Seed()),
             {"store.db-wal", "store.db-wal", "store.db", "store.db-ack"}, Share(35));
}

TEST_CASE("flips: harm to trees with inner pages is found, and salvaged", "[flips]") {
  HarmAtRest(World(5'000, World::End::kClosed, test::Seed()), {"store.db"}, Share(5));
}

TEST_CASE("flips: harm to the files of an open store is found", "[flips]") {
  const World world(150, World::End::kKilled, test::Seed());
  test::Random random(test::Seed());
  test::TempDir dir;
  for (int round = 0; round < Share(20); ++round) {
    const fs::path folder = dir / "store";
    world.CopyTo(folder);
    store::CountingHost host;
    Status failed;
    auto store = OpenIn(folder, host, &failed);
    REQUIRE(failed.ok());
    const bool in_log = random.OneIn(2);
    if (!in_log) store->Flush(store::Patient()).value();
    const Harm harm = Harmer(folder / (in_log ? "store.db-wal" : "store.db"), random).Any();
    CAPTURE(test::Seed(), round, harm.what);
    store->DropCaches();
    CompareAnswers(*store, world.model(), random);
    // Moving the log into the file must not make damage look like data.
    const Status moved = store->Flush(store::Patient());
    if (!moved.ok()) REQUIRE(moved.error().code == Errc::kCorruption);
    store->DropCaches();
    CompareAnswers(*store, world.model(), random);
    store.reset();
    CheckAndCompare(folder, world, random);
  }
}

}  // namespace
}  // namespace pannier::flips
