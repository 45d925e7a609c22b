// Sessions that are there: registering, heartbeats, requests. Their ends are in registry_end.cc.
#include "daemon/sessions/registry.h"

#include <algorithm>
#include <utility>

#include "lib/core/log.h"

namespace pannier::sessions {
namespace {

constexpr size_t kIdBytesMax = 128, kNameBytesMax = 256;
constexpr int kMadeUpIdBytes = 16;

bool IsIdByte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '-';
}

Status CheckId(const std::string& id) {
  const bool fits = !id.empty() && id.size() <= kIdBytesMax;
  if (fits && std::all_of(id.begin(), id.end(), IsIdByte)) return {};
  return InvalidArgument("a session's id is 1 to " + std::to_string(kIdBytesMax) +
                             " letters, digits, or any of \".\", \"_\", \":\" and \"-\"",
                         "leave it out, and one is made up");
}

Error NoSession(const std::string& id) {
  return NotFound("there is no session [" + id.substr(0, kIdBytesMax) + "]",
                  "it has ended or was never registered: register it");
}

}  // namespace

std::string_view ToString(EndReason reason) {
  switch (reason) {
    case EndReason::kEnded:
      return "ended";
    case EndReason::kExpired:
      return "expired";
    case EndReason::kExited:
      return "exited";
    case EndReason::kSwept:
      return "swept";
  }
  return "unknown";
}

Registry::Registry(store::Stores& stores, const Clock& clock, Options options, Hooks hooks)
    : stores_(stores),
      clock_(clock),
      options_(options),
      hooks_(std::move(hooks)),
      ticked_(clock.Steady()) {}

Registry::~Registry() { Stop(); }

Status Registry::Load() {
  const std::vector<store::SessionRow> rows = TRY(stores_.Sessions());
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.Steady();
  for (const store::SessionRow& row : rows) {
    auto session = std::make_shared<Session>();
    session->uid = row.uid;
    session->owner = row.owner;
    // One that only its stores name can be picked up by nobody.
    session->id = row.id.empty() ? "lost-" + row.uid.ToString() : row.id;
    session->name = row.name;
    session->timeout = row.timeout > std::chrono::seconds::zero() ? row.timeout : options_.timeout;
    session->cleanup_on_exit = row.cleanup_on_exit;
    session->created = row.created;
    session->heard = now;
    session->has_stores = true;
    SessionPtr& place = sessions_[{session->owner, session->id}];
    // Of two with one id the older had ended when the younger came.
    if (place != nullptr) {
      place->ended = true;
      ending_.push_back(std::exchange(place, session));
    } else {
      place = session;
    }
  }
  ticked_ = now;
  return {};
}

// --- workers ---

Status Registry::Check(const Wanted& wanted) const {
  if (wanted.id) TRY(CheckId(*wanted.id));
  if (wanted.name && wanted.name->size() > kNameBytesMax) {
    return InvalidArgument("a session's name has at most " + std::to_string(kNameBytesMax) +
                           " bytes");
  }
  if (wanted.timeout && *wanted.timeout < std::chrono::seconds(1)) {
    return InvalidArgument("a session's time-out is at least a second");
  }
  return {};
}

Result<Registry::SessionPtr> Registry::FindOrMake(const Origin& origin, const std::string& id,
                                                  bool* is_new) {
  const Key key{origin.owner, id};
  const auto found = sessions_.find(key);
  *is_new = found == sessions_.end();
  if (!*is_new) return found->second;
  if (sessions_.size() >= options_.sessions_max) {
    return ResourceExhausted(std::to_string(options_.sessions_max) + " sessions are registered",
                             "end those that nobody needs, or raise sessions.maximum");
  }
  if (sessions_.empty()) ticked_ = clock_.Steady();  // nobody ticks for none
  auto session = std::make_shared<Session>();
  session->uid = Uuid::Random();
  session->owner = origin.owner;
  session->id = id;
  session->timeout = options_.timeout;
  session->created = clock_.Now();
  sessions_[key] = session;
  wake_.NotifyAll();
  return session;
}

void Registry::Apply(const Wanted& wanted, Session& session) const {
  if (wanted.name) session.name = *wanted.name;
  if (wanted.cleanup_on_exit) session.cleanup_on_exit = *wanted.cleanup_on_exit;
  if (wanted.timeout) session.timeout = std::min(*wanted.timeout, options_.timeout_max);
}

// Something was heard of it.
void Registry::Hear(const Origin& origin, const SessionPtr& session) {
  session->heard = clock_.Steady();
  if (session->left) session->left = session->heard;
  if (origin.connection == 0) return;
  SessionPtr& user = connections_[origin.connection];
  if (user == session) return;
  if (user != nullptr) --user->connections;
  ++session->connections;
  user = session;
}

// Remembers the process that says it is there. Only a Unix socket knows one.
void Registry::Join(const Origin& origin, std::optional<uint64_t> birth, Session& session) {
  if (!origin.peer.is_unix) return;
  session.pid = origin.peer.pid;
  session.user = origin.peer.uid;
  session.left.reset();
  auto& members = session.members;
  // A process that comes by another connection is no further one, and one that cannot be seen has
  // come back.
  std::erase_if(members, [&](const Member& member) {
    if (member.connection == origin.connection) return true;
    return member.connection == 0 && (!member.birth || member.pid == origin.peer.pid);
  });
  if (members.size() == kMembersMax) members.erase(members.begin());
  members.push_back({origin.connection, origin.peer.pid, birth});
}

SessionInfo Registry::InfoOf(const Session& session) const {
  SessionInfo info;
  info.uid = session.uid;
  info.owner = session.owner;
  info.id = session.id;
  info.name = session.name;
  info.created = session.created;
  const auto silent = clock_.Steady() - session.heard;
  info.last_activity = clock_.Now() - std::chrono::duration_cast<std::chrono::nanoseconds>(silent);
  info.idle = std::chrono::duration_cast<std::chrono::seconds>(silent);
  info.timeout = session.timeout;
  info.cleanup_on_exit = session.cleanup_on_exit;
  info.requests = session.requests;
  info.connections = session.connections;
  info.pid = session.pid;
  info.user = session.user;
  info.used = session.used;
  return info;
}

store::SessionRow Registry::RowOf(const Session& session) {
  return {session.uid,     session.owner,           session.id,     session.name,
          session.timeout, session.cleanup_on_exit, session.created};
}

Result<Registry::Registered> Registry::Register(const Origin& origin, const Wanted& wanted) {
  TRY(Check(wanted));
  const std::optional<uint64_t> birth = hooks_.birth_of(origin.peer.pid);
  const std::string id = wanted.id.value_or(RandomHex(kMadeUpIdBytes));
  Registered registered;
  std::optional<store::SessionRow> row;
  {
    MutexLock lock(mutex_);
    const SessionPtr session = TRY(FindOrMake(origin, id, &registered.is_new));
    Apply(wanted, *session);
    Hear(origin, session);
    ++session->requests;
    Join(origin, birth, *session);
    registered.session = InfoOf(*session);
    if (session->has_stores) row = RowOf(*session);
  }
  // What a start would need to know. Where the disk takes nothing the session is there all the
  // same, and a start knows it as it was. It may have ended by now, and its row be gone.
  if (row && !stores_.ChangeSession(*row).ok()) LogWarn("a session's settings are not on disk");
  return registered;
}

Result<SessionInfo> Registry::Heartbeat(const Origin& origin, const std::string& id) {
  const std::optional<uint64_t> birth = hooks_.birth_of(origin.peer.pid);
  MutexLock lock(mutex_);
  const auto found = sessions_.find({origin.owner, id});
  if (found == sessions_.end()) return NoSession(id);
  Hear(origin, found->second);
  ++found->second->requests;
  Join(origin, birth, *found->second);
  return InfoOf(*found->second);
}

Result<SessionInfo> Registry::Find(const std::string& owner, const std::string& id) const {
  MutexLock lock(mutex_);
  const auto found = sessions_.find({owner, id});
  if (found == sessions_.end()) return NoSession(id);
  return InfoOf(*found->second);
}

void Registry::Touch(const Origin& origin, const std::string& id) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find({origin.owner, id});
  if (found == sessions_.end()) return;
  Hear(origin, found->second);
  ++found->second->requests;
}

void Registry::NoteDone(const Origin& origin, const std::string& id, const StoreName* used) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find({origin.owner, id});
  if (found == sessions_.end()) return;
  Hear(origin, found->second);
  if (used == nullptr) return;
  auto& stores = found->second->used;
  const auto known = std::find(stores.begin(), stores.end(), *used);
  if (known != stores.end()) {
    std::rotate(stores.begin(), known, known + 1);
    return;
  }
  if (stores.size() == kUsedMax) stores.pop_back();
  stores.insert(stores.begin(), *used);
}

std::vector<SessionInfo> Registry::List(const std::optional<std::string>& owner) const {
  std::vector<SessionInfo> list;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, session] : sessions_) {
      if (!owner || key.first == *owner) list.push_back(InfoOf(*session));
    }
  }
  std::sort(list.begin(), list.end(), [](const SessionInfo& a, const SessionInfo& b) {
    return std::tie(a.last_activity, a.uid) < std::tie(b.last_activity, b.uid);
  });
  return list;
}

// --- temporary stores ---

Result<Registry::Creation> Registry::BeginCreation(const Origin& origin, const std::string& id) {
  TRY(CheckId(id));
  std::optional<Creation> creation;
  store::SessionRow row;
  {
    MutexLock lock(mutex_);
    bool is_new = false;
    const SessionPtr session = TRY(FindOrMake(origin, id, &is_new));
    Hear(origin, session);
    session->has_stores = true;
    ++session->creating;
    row = RowOf(*session);
    creation.emplace(Creation(this, session));
  }
  TRY(stores_.NoteSession(row));
  return std::move(*creation);
}

Uuid Registry::Creation::session() const { return session_->uid; }

Registry::Creation::~Creation() {
  if (registry_ == nullptr) return;
  MutexLock lock(registry_->mutex_);
  --session_->creating;
}

Registry::Stats Registry::stats() const {
  MutexLock lock(mutex_);
  Stats stats = stats_;
  stats.registered = sessions_.size();
  stats.ending = ending_.size();
  return stats;
}

}  // namespace pannier::sessions
