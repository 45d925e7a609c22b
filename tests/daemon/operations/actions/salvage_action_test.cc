// Goal: what a salvage may use it uses, what it cannot save it says, and a store is not given up
// for an empty one. Method: a machine whose store's file is damaged while it is off.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/operations/actions/support.h"
#include "tests/daemon/operations/machine.h"

namespace pannier::operations {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kHome[] = "default_tenant/home";
constexpr uint64_t kPage = 16'384;

// A store of 300 records of 2 KB, all of it in its file.
class Play {
 public:
  Play() {
    machine.Start();
    machine.CreateDatabase("home");
    machine.Write("home", "docs", 0, 300, "word");
    machine.Do({{"action", "repositoryInit"}, {"repository", "r"}});
  }

  std::string Snapshot() {
    return machine.Do({{"action", "snapshot"}, {"store", kHome}, {"repository", "r"}})["uid"];
  }
  std::string File() {
    return FolderOf(machine.services(), {"default_tenant", "home"}).value() + "/store.db";
  }
  // Runs `harm` on its file while nobody has it open.
  void Harm(const std::function<void(const std::string& file)>& harm) {
    const std::string file = File();
    machine.stores().Close("default_tenant", "home").value();
    machine.Stop();
    harm(file);
    machine.Start();
  }
  json Salvage(const json& more = json::object()) {
    json body = {{"action", "salvage"}, {"store", kHome}};
    body.update(more);
    return machine.Await(machine.Submit(body).value());
  }

  Machine machine;
};

// Zeros the page where a record stands.
void ZeroPageOf(const std::string& file, const std::string& text) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  const std::string bytes{std::istreambuf_iterator<char>(out), {}};
  const size_t at = bytes.find(text);
  REQUIRE(at != std::string::npos);
  out.seekp(static_cast<std::streamoff>(at / kPage * kPage));
  out << std::string(kPage, '\0');
}

bool Mentions(const json& messages, const std::string& text) {
  return messages.dump().find(text) != std::string::npos;
}

TEST_CASE("salvage: after a disaster gaps are filled from what the store was restored from",
          "[daemon][operations][fault]") {
  Play play;
  const std::string uid = play.Snapshot();
  play.machine.Stop();
  fs::remove_all(play.machine.files().root() / "data");
  play.machine.Start();
  play.machine.Do({{"action", "restore"}, {"repository", "r"}, {"all", true}});
  play.Harm([](const std::string& file) { ZeroPageOf(file, "word42x"); });
  const json planned = play.Salvage({{"repository", "r"}, {"dryRun", true}});
  CAPTURE(planned.dump());
  REQUIRE(planned["plan"]["snapshot"] == uid);
  const json ended = play.Salvage({{"repository", "r"}});
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Succeeded");
  REQUIRE(ended["result"]["records"] == 300);
  REQUIRE(ended["result"]["fromSnapshot"] > 0);
  REQUIRE(ended["result"]["lostTotal"] == 0);
  REQUIRE(Mentions(ended["result"]["messages"], uid));
}

TEST_CASE("salvage: where a repository has nothing to fill gaps from, that is said",
          "[daemon][operations]") {
  Play play;
  const json ended = play.Salvage({{"repository", "r"}});
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Succeeded");
  REQUIRE(Mentions(ended["result"]["messages"], "no snapshot in"));
}

// Enough is left to tell that there was a store, and no record.
void CutToAFewPages(const std::string& file) { fs::resize_file(file, 6 * kPage); }

TEST_CASE("salvage: of which nothing can be read fails, and the store stays as it is",
          "[daemon][operations][fault]") {
  const bool automatic = GENERATE(false, true);
  Play play;
  const std::string file = play.File();
  play.Harm(CutToAFewPages);
  const json ended = play.Salvage({{"automatic", automatic}});
  CAPTURE(ended.dump());
  REQUIRE(ended["state"] == "Failed");
  REQUIRE(Mentions(ended["error"]["message"], "no record of the store could be read"));
  REQUIRE(Mentions(ended["error"]["message"], "stays as it is"));
  REQUIRE_FALSE(ended["error"]["hint"].get<std::string>().empty());
  REQUIRE(play.File() == file);
  REQUIRE(play.machine.stores().ListQuarantine().value().empty());
}

TEST_CASE("salvage: what a cut log has lost is said in words, and nothing expires",
          "[daemon][operations][fault]") {
  Play play;
  play.machine.stores().Close("default_tenant", "home").value();
  play.machine.Write("home", "docs", 300, 100, "late");
  const std::string file = play.File();
  const fs::path kept = play.machine.files().root() / "kept";
  // What a killed daemon leaves: a copy of its files while they are open.
  fs::copy(fs::path(file).parent_path(), kept);
  play.Harm([&](const std::string&) {
    for (const char* name : {"store.db", "store.db-wal", "store.db-ack"}) {
      fs::copy_file(kept / name, fs::path(file).parent_path() / name,
                    fs::copy_options::overwrite_existing);
    }
    const fs::path log = file + "-wal";
    fs::resize_file(log, fs::file_size(log) - 9'000);
  });
  const bool automatic = GENERATE(true, false);
  const json ended = play.Salvage({{"automatic", automatic}});
  CAPTURE(ended.dump());
  if (automatic) {
    REQUIRE(ended["state"] == "Failed");
    REQUIRE(Mentions(ended["error"]["message"], "not known"));
    return;
  }
  REQUIRE(ended["state"] == "Succeeded");
  REQUIRE(ended["result"]["records"] == 300);
  REQUIRE(ended["result"]["lostExact"] == false);
  REQUIRE(Mentions(ended["result"]["messages"].at(0), "how much is lost is not known exactly"));
  const auto quarantine = play.machine.stores().ListQuarantine().value();
  REQUIRE(quarantine.size() == 1);
  REQUIRE_FALSE(quarantine[0].expires.has_value());
}

}  // namespace
}  // namespace pannier::operations
