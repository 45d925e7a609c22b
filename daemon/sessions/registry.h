// The sessions of workers: who is there, what it uses, and which stores are to go with it.
//
// A session lives as long as something is heard of it: registering it again, a heartbeat, or any
// request that names it. After its time-out it ends, and its temporary stores are removed. One that
// asked for it (cleanup_on_exit) ends sooner, once every process that registered it is gone: its
// connection broke and the process of then is no more; where the process cannot be seen, as from
// another container, the broken connection counts. Either way it has kReturnGrace to come back.
//
// Nothing of a session is on disk but what temporary stores need: whose they are. A start gives
// each of those sessions its whole time-out to be picked up again by its id. Removing stores is
// repeated until they are gone, also after a crash. The steady clock counts; time in which this
// process did not run (a frozen container) is nobody's silence.
//
// Threads: any; one of its own ("sessions") between Start() and Stop(). The lock is not held across
// I/O. Lifetime: what it is given outlives it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/sessions/process.h"
#include "daemon/sessions/session.h"
#include "daemon/store/stores.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"

namespace pannier::sessions {

class Registry {
  struct Session;

 public:
  struct Options {
    std::chrono::seconds timeout{300};            // of sessions that name none
    std::chrono::seconds timeout_max{24 * 3600};  // longer ones are cut to it
    uint32_t sessions_max = 1'024;
  };
  struct Hooks {
    // Ends a connection; true when it was there. Any thread, may be empty.
    std::function<bool(uint64_t connection)> hang_up = {};
    BirthLookup birth_of = BirthOf;
  };
  struct Stats {
    uint64_t registered = 0;
    uint64_t ending = 0;  // whose stores are still to be removed
    uint64_t ended[std::size(kEndReasons)] = {};
    uint64_t stores_removed = 0;
  };
  struct Registered {
    SessionInfo session;
    bool is_new = false;
  };

  static constexpr std::chrono::seconds kReturnGrace{5};
  static constexpr std::chrono::seconds kRetryAfter{10};
  // Longer between two ticks: this process was not running.
  static constexpr std::chrono::seconds kGap{15};
  static constexpr size_t kUsedMax = 32;     // stores that one session is remembered to have used
  static constexpr size_t kMembersMax = 64;  // connections that registered it

  Registry(store::Stores& stores, const Clock& clock, Options options, Hooks hooks);
  ~Registry();  // Stop()s

  // Reads which sessions have temporary stores.
  Status Load();
  // Starts the thread that Tick()s.
  void Start();
  // Ends no session: the next start gives them their time. Idempotent.
  void Stop();

  // --- of workers ---
  //   kInvalidArgument    the id, the name or the time-out cannot be
  //   kResourceExhausted  sessions_max are there
  Result<Registered> Register(const Origin& origin, const Wanted& wanted) EXCLUDES(mutex_);
  //   kNotFound  there is none of that id: register it (again)
  Result<SessionInfo> Heartbeat(const Origin& origin, const std::string& id) EXCLUDES(mutex_);
  Result<SessionInfo> Find(const std::string& owner, const std::string& id) const EXCLUDES(mutex_);
  // Ends it and removes its temporary stores.  kNotFound
  Result<Ended> End(const std::string& owner, const std::string& id) EXCLUDES(mutex_);
  // A request begins, or is done, that names a session: something was heard of it. `used` may be
  // null. Unknown ids are ignored.
  void Touch(const Origin& origin, const std::string& id) EXCLUDES(mutex_);
  void NoteDone(const Origin& origin, const std::string& id, const StoreName* used)
      EXCLUDES(mutex_);
  // Of all owners, or of one; the longest silent first.
  std::vector<SessionInfo> List(const std::optional<std::string>& owner = {}) const
      EXCLUDES(mutex_);

  // Held while a temporary store is made: an end meanwhile finds it. Move only; ends before the
  // registry.
  class Creation {
   public:
    Creation(Creation&& other) noexcept
        : registry_(std::exchange(other.registry_, nullptr)), session_(std::move(other.session_)) {}
    Creation& operator=(Creation&&) = delete;
    ~Creation();
    Uuid session() const;

   private:
    friend class Registry;
    Creation(Registry* registry, std::shared_ptr<Session> session)
        : registry_(registry), session_(std::move(session)) {}
    Registry* registry_;
    std::shared_ptr<Session> session_;
  };
  // Before a temporary store is made for the session, which is registered if it is unknown; it is
  // on disk then.  Errors as Register(), and of the disk
  Result<Creation> BeginCreation(const Origin& origin, const std::string& id) EXCLUDES(mutex_);

  // --- of admins ---
  Result<Ended> EndByUid(const Uuid& uid) EXCLUDES(mutex_);  // kNotFound
  SweepResult Sweep(const SweepOptions& options) EXCLUDES(mutex_);
  Stats stats() const EXCLUDES(mutex_);

  // --- of the daemon ---
  // http::Server::Options::on_closed.
  void OnConnectionClosed(uint64_t connection, bool by_peer) EXCLUDES(mutex_);
  // Ends what is due, and goes on removing stores. By the thread, about once a second.
  void Tick() EXCLUDES(mutex_);

 private:
  struct Member {
    uint64_t connection = 0;  // 0: closed
    pid_t pid = 0;
    std::optional<uint64_t> birth;  // nothing: the process cannot be seen
  };
  struct Session {
    Uuid uid;
    std::string owner, id, name;
    std::chrono::seconds timeout{0};
    bool cleanup_on_exit = false;
    WallTime created;
    SteadyTime heard;
    uint64_t requests = 0;
    uint32_t connections = 0;  // of connections_
    pid_t pid = 0;
    std::optional<uid_t> user;
    std::vector<StoreName> used;  // most recent first
    std::vector<Member> members;
    std::optional<SteadyTime> left;  // since when no member is there, after some were
    bool has_stores = false;         // temporary ones, perhaps: the catalog knows
    int creating = 0;
    bool ended = false;
    bool cleaning = false, warned = false;  // of one that has ended
    SteadyTime next_try;
  };
  using SessionPtr = std::shared_ptr<Session>;
  using Key = std::pair<std::string, std::string>;  // owner, id

  Status Check(const Wanted& wanted) const;
  Result<SessionPtr> FindOrMake(const Origin& origin, const std::string& id, bool* is_new)
      REQUIRES(mutex_);
  void Apply(const Wanted& wanted, Session& session) const REQUIRES(mutex_);
  void Hear(const Origin& origin, const SessionPtr& session) REQUIRES(mutex_);
  void Join(const Origin& origin, std::optional<uint64_t> birth, Session& session) REQUIRES(mutex_);
  SessionInfo InfoOf(const Session& session) const REQUIRES(mutex_);
  static store::SessionRow RowOf(const Session& session);

  // registry_end.cc
  struct Parting {
    SessionPtr session;
    EndReason reason = EndReason::kEnded;
    std::vector<uint64_t> connections = {};  // to hang up
  };
  Parting TakeOut(const SessionPtr& session, EndReason reason) REQUIRES(mutex_);
  Ended Finish(const Parting& parting) EXCLUDES(mutex_);
  Ended RemoveStores(const SessionPtr& session) EXCLUDES(mutex_);
  void ForgiveGap(SteadyTime now) REQUIRES(mutex_);
  void DropDeadMembers() EXCLUDES(mutex_);
  std::optional<EndReason> DueReason(const Session& session, SteadyTime now) const REQUIRES(mutex_);
  void NoteLeft(Session& session) REQUIRES(mutex_);
  void Run(const std::stop_token& stop);

  store::Stores& stores_;
  const Clock& clock_;
  const Options options_;
  const Hooks hooks_;

  mutable Mutex mutex_;
  CondVar wake_;
  std::map<Key, SessionPtr> sessions_ GUARDED_BY(mutex_);
  std::vector<SessionPtr> ending_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, SessionPtr> connections_ GUARDED_BY(mutex_);  // last used for it
  SteadyTime ticked_ GUARDED_BY(mutex_);
  Stats stats_ GUARDED_BY(mutex_);
  std::atomic<bool> stopping_{false};  // what is not removed by now is left to the next start
  std::jthread thread_;
};

}  // namespace pannier::sessions
