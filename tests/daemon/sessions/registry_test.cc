// Goal: a session lives exactly as long as something is heard of it, and its temporary stores as
// long as it does, through crashes. Method: a clock that is turned by hand over real stores; a
// crash is another registry over the same stores.
#include "daemon/sessions/registry.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_dir.h"

namespace pannier::sessions {
namespace {

using namespace std::chrono_literals;

constexpr pid_t kWorker = 4242;
constexpr char kTenant[] = "default_tenant";

Wanted Named(const std::string& id) {
  Wanted wanted;
  wanted.id = id;
  return wanted;
}

Wanted Leaving(const std::string& id) {
  Wanted wanted = Named(id);
  wanted.cleanup_on_exit = true;
  return wanted;
}

class Fixture {
 public:
  explicit Fixture(Registry::Options options = {}) : options_(options) {
    stores =
        store::Stores::Open((files.root() / "data").string(), {}, files, clock, nullptr).value();
    Restart();
  }

  // What a start of the daemon does.
  void Restart() {
    registry.reset();
    registry = std::make_unique<Registry>(*stores, clock, options_, HooksOf());
    REQUIRE(registry->Load().ok());
  }

  // Time as the daemon sees it: second by second.
  void Pass(std::chrono::seconds time) {
    for (; time > 0s; time -= 1s) {
      clock.Advance(1s);
      registry->Tick();
    }
  }

  Origin From(uint64_t connection, pid_t pid = kWorker, const std::string& owner = "uid:1") const {
    Origin origin{owner, {}, connection};
    origin.peer.is_unix = true;
    origin.peer.pid = pid;
    origin.peer.uid = 1;
    return origin;
  }

  SessionInfo Register(const Wanted& wanted, uint64_t connection = 1, pid_t pid = kWorker) {
    return registry->Register(From(connection, pid), wanted).value().session;
  }

  void MakeTemporary(const std::string& id, const std::string& database) {
    const auto creation = registry->BeginCreation(From(1), id).value();
    REQUIRE(stores->CreateDatabase(kTenant, database, creation.session()).ok());
  }

  bool HasStore(const std::string& database) {
    return stores->FindDatabase(kTenant, database).ok();
  }
  bool HasSession(const std::string& id, const std::string& owner = "uid:1") const {
    return registry->Find(owner, id).ok();
  }
  uint64_t EndedBy(EndReason reason) const {
    return registry->stats().ended[static_cast<size_t>(reason)];
  }

  test::FakeClock clock;
  test::FaultyFileSystem files;
  std::map<pid_t, uint64_t> births{{kWorker, 7}};
  std::set<uint64_t> hung_up;
  std::unique_ptr<store::Stores> stores;
  std::unique_ptr<Registry> registry;

 private:
  Registry::Hooks HooksOf() {
    Registry::Hooks hooks;
    hooks.hang_up = [this](uint64_t connection) { return hung_up.insert(connection).second; };
    hooks.birth_of = [this](pid_t pid) -> std::optional<uint64_t> {
      const auto found = births.find(pid);
      if (found == births.end()) return std::nullopt;
      return found->second;
    };
    return hooks;
  }

  const Registry::Options options_;
};

// --- registering ---

TEST_CASE("sessions: the same id picks up where it was, also with other settings",
          "[daemon][sessions]") {
  Fixture fixture;
  Wanted wanted = Named("tab-1");
  wanted.name = "browser";
  const auto first = fixture.registry->Register(fixture.From(1), wanted).value();
  REQUIRE(first.is_new);
  REQUIRE(first.session.timeout == 300s);
  fixture.MakeTemporary("tab-1", "scratch");
  fixture.Pass(100s);
  Wanted again = Named("tab-1");
  again.timeout = 20s;
  const auto second = fixture.registry->Register(fixture.From(2), again).value();
  REQUIRE_FALSE(second.is_new);
  REQUIRE(second.session.uid == first.session.uid);
  REQUIRE(second.session.name == "browser");
  REQUIRE(second.session.timeout == 20s);
  REQUIRE(second.session.idle == 0s);
  REQUIRE(fixture.HasStore("scratch"));
}

TEST_CASE("sessions: one without an id gets one, and ids that cannot be are refused",
          "[daemon][sessions]") {
  Fixture fixture;
  const SessionInfo made_up = fixture.Register({});
  REQUIRE(made_up.id.size() == 32);
  REQUIRE(fixture.HasSession(made_up.id));
  for (const std::string& id : {std::string(), std::string("a b"), std::string("a/b"),
                                std::string("ü"), std::string(129, 'x'), std::string("a\0b", 3)}) {
    CAPTURE(id);
    REQUIRE(fixture.registry->Register(fixture.From(1), Named(id)).Is(Errc::kInvalidArgument));
    REQUIRE(fixture.registry->BeginCreation(fixture.From(1), id).Is(Errc::kInvalidArgument));
  }
  Wanted wanted = Named("x");
  wanted.timeout = 0s;
  REQUIRE(fixture.registry->Register(fixture.From(1), wanted).Is(Errc::kInvalidArgument));
  wanted.timeout.reset();
  wanted.name = std::string(257, 'n');
  REQUIRE(fixture.registry->Register(fixture.From(1), wanted).Is(Errc::kInvalidArgument));
  wanted.name.reset();
  wanted.timeout = 365 * 24h;
  REQUIRE(fixture.Register(wanted).timeout == 24h);
}

TEST_CASE("sessions: owners do not meet each other's", "[daemon][sessions]") {
  Fixture fixture;
  const SessionInfo mine = fixture.Register(Named("w"));
  const Origin other = fixture.From(9, 77, "user:b");
  REQUIRE(fixture.registry->Heartbeat(other, "w").Is(Errc::kNotFound));
  REQUIRE(fixture.registry->End("user:b", "w").Is(Errc::kNotFound));
  REQUIRE(fixture.registry->List("user:b").empty());
  const auto theirs = fixture.registry->Register(other, Named("w")).value();
  REQUIRE(theirs.is_new);
  REQUIRE(theirs.session.uid != mine.uid);
  REQUIRE(fixture.registry->List().size() == 2);
  REQUIRE(fixture.registry->End("user:b", "w").ok());
  REQUIRE(fixture.HasSession("w"));
}

TEST_CASE("sessions: past the maximum new ones are refused, known ones go on",
          "[daemon][sessions]") {
  Registry::Options options;
  options.sessions_max = 2;
  Fixture fixture(options);
  fixture.Register(Named("a"));
  fixture.Register(Named("b"));
  REQUIRE(fixture.registry->Register(fixture.From(1), Named("c")).Is(Errc::kResourceExhausted));
  REQUIRE(fixture.registry->BeginCreation(fixture.From(1), "c").Is(Errc::kResourceExhausted));
  REQUIRE(fixture.registry->Register(fixture.From(1), Named("a")).ok());
  REQUIRE(fixture.registry->End("uid:1", "b").ok());
  REQUIRE(fixture.registry->Register(fixture.From(1), Named("c")).ok());
}

TEST_CASE("sessions: what a session used is told, most recent first, and no more than a number",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Named("w"));
  const auto touch = [&](const std::string& database) {
    const StoreName store{kTenant, database};
    fixture.registry->Touch(fixture.From(1), "w");
    fixture.registry->NoteDone(fixture.From(1), "w", &store);
  };
  touch("one");
  touch("two");
  touch("one");
  const SessionInfo info = fixture.registry->Find("uid:1", "w").value();
  REQUIRE(info.used.size() == 2);
  REQUIRE(info.used[0].database == "one");
  REQUIRE(info.requests == 4);
  REQUIRE(info.connections == 1);
  for (size_t i = 0; i < 2 * Registry::kUsedMax; ++i) touch("db" + std::to_string(i));
  REQUIRE(fixture.registry->Find("uid:1", "w").value().used.size() == Registry::kUsedMax);
  fixture.registry->Touch(fixture.From(1), "unknown");
  REQUIRE_FALSE(fixture.HasSession("unknown"));
}

// --- time ---

TEST_CASE("sessions: one that is silent for its time-out ends with its temporary stores",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Named("w"));
  fixture.MakeTemporary("w", "scratch");
  REQUIRE(fixture.stores->CreateDatabase(kTenant, "stays").ok());
  fixture.Pass(300s);
  REQUIRE(fixture.HasSession("w"));
  REQUIRE(fixture.HasStore("scratch"));
  fixture.Pass(1s);
  REQUIRE_FALSE(fixture.HasSession("w"));
  REQUIRE_FALSE(fixture.HasStore("scratch"));
  REQUIRE(fixture.HasStore("stays"));
  REQUIRE(fixture.EndedBy(EndReason::kExpired) == 1);
  REQUIRE(fixture.registry->stats().stores_removed == 1);
  REQUIRE(fixture.stores->Sessions().value().empty());
}

TEST_CASE("sessions: heartbeats and requests keep one alive", "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Named("w"));
  fixture.Pass(299s);
  REQUIRE(fixture.registry->Heartbeat(fixture.From(1), "w").value().idle == 0s);
  fixture.Pass(299s);
  fixture.registry->Touch(fixture.From(1), "w");
  fixture.Pass(299s);
  REQUIRE(fixture.HasSession("w"));
  fixture.Pass(2s);
  REQUIRE(fixture.registry->Heartbeat(fixture.From(1), "w").Is(Errc::kNotFound));
}

TEST_CASE("sessions: time in which the daemon itself stood still is nobody's silence",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Named("w"));
  fixture.Pass(10s);
  fixture.clock.Advance(1h);
  fixture.registry->Tick();
  REQUIRE(fixture.HasSession("w"));
  fixture.Pass(289s);
  REQUIRE(fixture.HasSession("w"));
  fixture.Pass(15s);
  REQUIRE_FALSE(fixture.HasSession("w"));
}

TEST_CASE("sessions: connections of one that expired are closed, of one that said good-bye not",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Named("silent"), 1);
  fixture.registry->Touch(fixture.From(2), "silent");
  fixture.Register(Named("shares"), 3);
  fixture.registry->Touch(fixture.From(2), "shares");  // used last by this one
  fixture.Pass(200s);
  REQUIRE(fixture.registry->Heartbeat(fixture.From(3), "shares").ok());
  fixture.Pass(101s);
  REQUIRE(fixture.hung_up == std::set<uint64_t>{1});
  REQUIRE(fixture.registry->End("uid:1", "shares").ok());
  REQUIRE(fixture.hung_up == std::set<uint64_t>{1});
}

// --- processes ---

TEST_CASE("sessions: one that asked for it ends when its process is gone, after a moment to return",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Leaving("w"), 1);
  fixture.Register(Named("patient"), 2);
  fixture.MakeTemporary("w", "scratch");
  fixture.births.erase(kWorker);
  fixture.registry->OnConnectionClosed(1, /*by_peer=*/true);
  fixture.registry->OnConnectionClosed(2, true);
  fixture.Pass(Registry::kReturnGrace);
  REQUIRE(fixture.HasSession("w"));
  fixture.Pass(1s);
  REQUIRE_FALSE(fixture.HasSession("w"));
  REQUIRE_FALSE(fixture.HasStore("scratch"));
  REQUIRE(fixture.HasSession("patient"));
  REQUIRE(fixture.EndedBy(EndReason::kExited) == 1);
}

TEST_CASE("sessions: a process that only puts its connections away has not left",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Leaving("w"), 1);
  fixture.registry->OnConnectionClosed(1, true);
  fixture.Pass(60s);
  REQUIRE(fixture.HasSession("w"));
  SECTION("and when it ends later, that is seen") {
    fixture.births.erase(kWorker);
    fixture.Pass(7s);
    REQUIRE_FALSE(fixture.HasSession("w"));
  }
  SECTION("and another process of the same number is not it") {
    fixture.births[kWorker] = 8;
    fixture.Pass(7s);
    REQUIRE_FALSE(fixture.HasSession("w"));
  }
  SECTION("and when it comes by another connection, it is still one process") {
    REQUIRE(fixture.registry->Heartbeat(fixture.From(5), "w").ok());
    fixture.births.erase(kWorker);
    fixture.Pass(60s);
    REQUIRE(fixture.HasSession("w"));  // the connection of a child holds it
    fixture.registry->OnConnectionClosed(5, true);
    fixture.Pass(7s);
    REQUIRE_FALSE(fixture.HasSession("w"));
  }
}

TEST_CASE("sessions: the last of several processes to go takes the session with it",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.births[50] = 1;
  fixture.Register(Leaving("w"), 1, kWorker);
  fixture.Register(Named("w"), 2, 50);
  fixture.births.erase(kWorker);
  fixture.registry->OnConnectionClosed(1, true);
  fixture.Pass(60s);
  REQUIRE(fixture.HasSession("w"));
  fixture.births.erase(50);
  fixture.registry->OnConnectionClosed(2, true);
  fixture.Pass(3s);
  REQUIRE(fixture.registry->Register(fixture.From(3, 51), Named("w")).value().is_new == false);
  fixture.births[51] = 2;
  fixture.Pass(60s);
  REQUIRE(fixture.HasSession("w"));  // picked up in time
}

TEST_CASE("sessions: of a process that cannot be seen the connection counts",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Leaving("w"), 1, /*pid=*/0);
  SECTION("which the peer closed") {
    fixture.registry->OnConnectionClosed(1, /*by_peer=*/true);
    fixture.Pass(3s);
    fixture.registry->Touch(fixture.From(2, 0), "w");  // somebody is there after all
    fixture.Pass(4s);
    REQUIRE(fixture.HasSession("w"));
    fixture.Pass(2s);
    REQUIRE_FALSE(fixture.HasSession("w"));
  }
  SECTION("unless we closed it") {
    fixture.registry->OnConnectionClosed(1, /*by_peer=*/false);
    fixture.Pass(60s);
    REQUIRE(fixture.HasSession("w"));
    REQUIRE(fixture.registry->Heartbeat(fixture.From(2, 0), "w").ok());
    fixture.registry->OnConnectionClosed(2, true);
    fixture.Pass(6s);
    REQUIRE_FALSE(fixture.HasSession("w"));
  }
}

// --- temporary stores ---

TEST_CASE("sessions: a restart gives everybody the time-out to come back, by the same id",
          "[daemon][sessions]") {
  Fixture fixture;
  Wanted wanted = Named("back");
  wanted.timeout = 60s;
  fixture.Register(wanted);
  fixture.Register(Named("gone"));
  fixture.Register(Named("forgotten"));
  fixture.MakeTemporary("back", "of-back");
  fixture.MakeTemporary("gone", "of-gone");
  fixture.Pass(50s);
  fixture.Restart();
  REQUIRE_FALSE(fixture.HasSession("forgotten"));  // it had nothing to lose
  REQUIRE(fixture.registry->Find("uid:1", "back").value().timeout == 60s);
  fixture.Pass(59s);
  REQUIRE(fixture.registry->Heartbeat(fixture.From(1), "back").ok());
  for (int i = 0; i < 6; ++i) {
    fixture.Pass(50s);
    fixture.registry->Touch(fixture.From(1), "back");
  }
  REQUIRE(fixture.HasStore("of-back"));
  REQUIRE_FALSE(fixture.HasSession("gone"));
  REQUIRE_FALSE(fixture.HasStore("of-gone"));
}

TEST_CASE("sessions: settings changed after the first temporary store are known after a restart",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.Register(Named("w"));
  fixture.MakeTemporary("w", "scratch");
  Wanted wanted = Leaving("w");
  wanted.timeout = 42s;
  fixture.Register(wanted);
  fixture.Restart();
  const SessionInfo info = fixture.registry->Find("uid:1", "w").value();
  REQUIRE(info.timeout == 42s);
  REQUIRE(info.cleanup_on_exit);
}

TEST_CASE("sessions: a temporary store whose session nobody knows any more goes in time",
          "[daemon][sessions]") {
  Fixture fixture;
  REQUIRE(fixture.stores->CreateDatabase(kTenant, "lost", Uuid::Random()).ok());
  fixture.Restart();
  REQUIRE(fixture.registry->List().size() == 1);
  fixture.Pass(300s);
  REQUIRE(fixture.HasStore("lost"));
  fixture.Pass(1s);
  REQUIRE_FALSE(fixture.HasStore("lost"));
}

TEST_CASE("sessions: a store that is being made when its session ends goes too",
          "[daemon][sessions]") {
  Fixture fixture;
  {
    const auto creation = fixture.registry->BeginCreation(fixture.From(1), "w").value();
    REQUIRE(fixture.registry->End("uid:1", "w").value().stores_removed == 0);
    REQUIRE(fixture.registry->stats().ending == 1);
    fixture.Pass(2s);
    REQUIRE(fixture.stores->CreateDatabase(kTenant, "late", creation.session()).ok());
  }
  fixture.Pass(1s);
  REQUIRE_FALSE(fixture.HasStore("late"));
  REQUIRE(fixture.registry->stats().ending == 0);
}

TEST_CASE("sessions: an id that comes back while the old stores go has none of them",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.MakeTemporary("w", "old");
  {
    const auto creation = fixture.registry->BeginCreation(fixture.From(1), "w").value();
    REQUIRE(fixture.registry->End("uid:1", "w").ok());  // removed later: somebody is at it
    fixture.MakeTemporary("w", "new");
    fixture.Restart();  // before it was
  }
  REQUIRE(fixture.HasSession("w"));
  fixture.Pass(1s);
  REQUIRE_FALSE(fixture.HasStore("old"));
  REQUIRE(fixture.HasStore("new"));
}

TEST_CASE("sessions: a store of the same name that was made anew for good stays",
          "[daemon][sessions]") {
  Fixture fixture;
  fixture.MakeTemporary("w", "name");
  REQUIRE(fixture.stores->DeleteDatabase(kTenant, "name").ok());
  REQUIRE(fixture.stores->CreateDatabase(kTenant, "name").ok());
  REQUIRE(fixture.registry->End("uid:1", "w").value().stores_removed == 0);
  REQUIRE(fixture.HasStore("name"));
}

TEST_CASE("sessions: a store that cannot be removed now is removed later",
          "[daemon][sessions][fault]") {
  Fixture fixture;
  fixture.MakeTemporary("w", "scratch");
  fixture.files.FailFrom(1);
  const Ended ended = fixture.registry->End("uid:1", "w").value();
  REQUIRE(ended.stores_left.size() == 1);
  REQUIRE_FALSE(fixture.HasSession("w"));
  fixture.Pass(Registry::kRetryAfter - 1s);
  REQUIRE(fixture.registry->stats().ending == 1);
  fixture.files.Heal();
  fixture.Pass(1s);
  REQUIRE(fixture.registry->stats().ending == 0);
  REQUIRE_FALSE(fixture.HasStore("scratch"));
  REQUIRE(fixture.stores->Sessions().value().empty());
}

// --- admins ---

TEST_CASE("sessions: a sweep tells whom it means, and ends them only when asked to",
          "[daemon][sessions]") {
  Fixture fixture;
  const SessionInfo silent = fixture.Register(Named("silent"), 1);
  fixture.MakeTemporary("silent", "scratch");
  fixture.Register(Named("young"), 2);
  fixture.Pass(200s);
  REQUIRE(fixture.registry->Heartbeat(fixture.From(2), "young").ok());
  SweepOptions options;
  REQUIRE(fixture.registry->Sweep(options).found_total == 0);
  options.idle = 150s;
  const SweepResult looked = fixture.registry->Sweep(options);
  REQUIRE(looked.found_total == 1);
  REQUIRE(looked.found.at(0).uid == silent.uid);
  REQUIRE(looked.ended == 0);
  REQUIRE(fixture.HasStore("scratch"));
  options.ends = true;
  options.only = {Uuid::Random()};
  REQUIRE(fixture.registry->Sweep(options).ended == 0);
  options.only.push_back(silent.uid);
  const SweepResult swept = fixture.registry->Sweep(options);
  REQUIRE(swept.ended == 1);
  REQUIRE(swept.stores_removed == 1);
  REQUIRE(swept.connections_closed == 1);
  REQUIRE(swept.errors.empty());
  REQUIRE_FALSE(fixture.HasStore("scratch"));
  REQUIRE(fixture.HasSession("young"));
  REQUIRE(fixture.EndedBy(EndReason::kSwept) == 1);
  REQUIRE(fixture.registry->EndByUid(silent.uid).Is(Errc::kNotFound));
}

TEST_CASE("sessions: the thread ends what is due by itself, and stops at once",
          "[daemon][sessions]") {
  test::TempDir dir;
  const auto stores = store::Stores::Open((dir / "data").string(), {}, file::RealFileSystem(),
                                          SystemClock(), nullptr)
                          .value();
  Registry registry(*stores, SystemClock(), {}, {});
  registry.Start();
  Wanted wanted = Named("w");
  wanted.timeout = 1s;
  REQUIRE(registry.Register({}, wanted).ok());
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (registry.Find("", "w").ok() && std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  REQUIRE(registry.Find("", "w").Is(Errc::kNotFound));
  registry.Stop();
  registry.Stop();
}

TEST_CASE("sessions: many threads at once lose nothing", "[daemon][sessions][threads]") {
  Fixture fixture;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&fixture, t] {
      for (int i = 0; i < 12; ++i) {
        const std::string id = "s" + std::to_string((t + i) % 3);
        const auto connection = static_cast<uint64_t>(100 * t + i + 1);
        const Origin origin = fixture.From(connection);
        [[maybe_unused]] const auto registered = fixture.registry->Register(origin, Named(id));
        {
          auto creation = fixture.registry->BeginCreation(origin, id);
          const std::string name = "db-" + std::to_string(t) + "-" + std::to_string(i);
          if (creation.ok()) {
            [[maybe_unused]] const Status made =
                fixture.stores->CreateDatabase(kTenant, name, creation->session());
          }
        }
        fixture.registry->OnConnectionClosed(connection, true);
        [[maybe_unused]] const auto ended = fixture.registry->End("uid:1", id);
        fixture.registry->Tick();
      }
    });
  }
  threads.clear();
  for (const SessionInfo& session : fixture.registry->List()) {
    REQUIRE(fixture.registry->EndByUid(session.uid).ok());
  }
  fixture.Pass(Registry::kRetryAfter + 1s);
  REQUIRE(fixture.registry->stats().ending == 0);
  REQUIRE(fixture.stores->List().value().size() == 1);
  REQUIRE(fixture.stores->Sessions().value().empty());
}

}  // namespace
}  // namespace pannier::sessions
