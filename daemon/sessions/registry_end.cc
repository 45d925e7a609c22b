// How sessions end: by their worker, by time, with their processes, by an admin; and how their
// temporary stores go.
#include <pthread.h>

#include <algorithm>
#include <set>

#include "daemon/sessions/registry.h"
#include "lib/core/log.h"

namespace pannier::sessions {
namespace {

constexpr std::chrono::seconds kTickInterval{1};
constexpr std::chrono::minutes kEmptyInterval{1};

}  // namespace

// --- the end of one ---

Registry::Parting Registry::TakeOut(const SessionPtr& session, EndReason reason) {
  sessions_.erase({session->owner, session->id});
  session->ended = true;
  if (session->has_stores) ending_.push_back(session);
  ++stats_.ended[static_cast<size_t>(reason)];
  // A client that says good-bye closes its connections itself, and others may be using them.
  const bool hangs_up = reason == EndReason::kExpired || reason == EndReason::kSwept;
  Parting parting{session, reason};
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    if (entry->second != session) {
      ++entry;
      continue;
    }
    if (hangs_up) parting.connections.push_back(entry->first);
    entry = connections_.erase(entry);
  }
  return parting;
}

Ended Registry::Finish(const Parting& parting) {
  Ended ended = RemoveStores(parting.session);
  for (const uint64_t connection : parting.connections) {
    if (hooks_.hang_up && hooks_.hang_up(connection)) ++ended.connections_closed;
  }
  LogInfo("session ended")
      .Add("id", parting.session->id)
      .Add("reason", ToString(parting.reason))
      .Add("stores_removed", ended.stores_removed)
      .Add("connections_closed", ended.connections_closed);
  return ended;
}

// Who makes one at this moment, or removes them already, leaves the rest to the next tick.
Ended Registry::RemoveStores(const SessionPtr& session) {
  Ended ended;
  {
    MutexLock lock(mutex_);
    if (!session->has_stores || session->creating > 0 || session->cleaning) return ended;
    session->cleaning = true;
  }
  Status done;
  const Result<std::vector<store::DatabaseInfo>> stores = stores_.TemporaryOf(session->uid);
  if (!stores.ok()) done = stores.error();
  for (size_t i = 0; stores.ok() && i < stores->size(); ++i) {
    if (stopping_.load(std::memory_order_relaxed)) {
      done = Unavailable("the daemon is stopping");
      break;
    }
    const store::DatabaseInfo& each = (*stores)[i];
    Status removed = stores_.DeleteTemporary(session->uid, each.tenant, each.name);
    if (removed.ok()) {
      ++ended.stores_removed;
    } else if (!removed.Is(Errc::kNotFound)) {
      ended.stores_left.push_back({each.tenant, each.name});
      done = std::move(removed);
    }
  }
  if (done.ok()) done = stores_.ForgetSession(session->uid);
  MutexLock lock(mutex_);
  session->cleaning = false;
  stats_.stores_removed += ended.stores_removed;
  if (done.ok()) {
    std::erase(ending_, session);
    return ended;
  }
  session->next_try = clock_.Steady() + kRetryAfter;
  if (!stopping_.load(std::memory_order_relaxed) && !std::exchange(session->warned, true)) {
    LogWarn("temporary stores of a session not removed; tried again until they are")
        .Add("id", session->id)
        .Add("error", done.error().what);
  }
  return ended;
}

Result<Ended> Registry::End(const std::string& owner, const std::string& id) {
  Parting parting;
  {
    MutexLock lock(mutex_);
    const auto found = sessions_.find({owner, id});
    if (found == sessions_.end()) return NotFound("there is no session [" + id + "]");
    parting = TakeOut(SessionPtr(found->second), EndReason::kEnded);
  }
  return Finish(parting);
}

Result<Ended> Registry::EndByUid(const Uuid& uid) {
  Parting parting;
  {
    MutexLock lock(mutex_);
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const auto& entry) { return entry.second->uid == uid; });
    if (found == sessions_.end()) return NotFound("there is no session " + uid.ToString());
    parting = TakeOut(SessionPtr(found->second), EndReason::kSwept);
  }
  return Finish(parting);
}

// --- sweeps ---

SweepResult Registry::Sweep(const SweepOptions& options) {
  SweepResult result;
  std::vector<Parting> partings;
  std::vector<SessionPtr> unfinished;
  const std::set<Uuid> only(options.only.begin(), options.only.end());
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.Steady();
    std::vector<std::pair<SessionPtr, EndReason>> due;
    for (const auto& [key, session] : sessions_) {
      if (!only.empty() && !only.contains(session->uid)) continue;
      std::optional<EndReason> reason = DueReason(*session, now);
      if (!reason && options.idle && now - session->heard >= *options.idle) {
        reason = EndReason::kSwept;
      }
      if (!reason) continue;
      ++result.found_total;
      if (result.found.size() < SweepResult::kFoundMax) result.found.push_back(InfoOf(*session));
      due.emplace_back(session, *reason);
    }
    if (options.ends) {
      unfinished = ending_;
      for (const auto& [session, reason] : due) partings.push_back(TakeOut(session, reason));
    }
  }
  const auto count = [&](const Ended& ended) {
    result.stores_removed += ended.stores_removed;
    result.connections_closed += ended.connections_closed;
    for (const StoreName& store : ended.stores_left) {
      if (result.errors.size() == SweepResult::kErrorsMax) break;
      result.errors.push_back("the temporary store " + store.tenant + "/" + store.database +
                              " could not be removed yet");
    }
  };
  for (const Parting& parting : partings) count(Finish(parting));
  for (const SessionPtr& session : unfinished) count(RemoveStores(session));
  result.ended = partings.size();
  return result;
}

// --- time ---

std::optional<EndReason> Registry::DueReason(const Session& session, SteadyTime now) const {
  if (now - session.heard > session.timeout) return EndReason::kExpired;
  const bool left = session.left && now - *session.left >= kReturnGrace;
  if (left && session.cleanup_on_exit) return EndReason::kExited;
  return std::nullopt;
}

// Workers that called meanwhile are still waiting to be heard.
void Registry::ForgiveGap(SteadyTime now) {
  const auto gap = now - std::exchange(ticked_, now);
  if (gap <= kGap || sessions_.empty()) return;
  LogWarn("this process did not run for a while; sessions get that time back")
      .Add("seconds", std::chrono::duration_cast<std::chrono::seconds>(gap).count());
  for (const auto& [key, session] : sessions_) {
    session->heard = std::min(now, session->heard + gap);
    if (session->left) session->left = std::min(now, *session->left + gap);
  }
}

void Registry::NoteLeft(Session& session) {
  if (session.members.empty() && !session.left) session.left = clock_.Steady();
}

void Registry::OnConnectionClosed(uint64_t connection, bool by_peer) {
  MutexLock lock(mutex_);
  if (sessions_.empty()) return;
  const auto user = connections_.find(connection);
  if (user != connections_.end()) {
    --user->second->connections;
    connections_.erase(user);
  }
  // Another session may have used the connection last.
  for (const auto& [key, session] : sessions_) {
    auto& members = session->members;
    const auto member = std::find_if(members.begin(), members.end(), [&](const Member& each) {
      return each.connection == connection;
    });
    if (member == members.end()) continue;
    member->connection = 0;
    // Where the process cannot be seen, this was all there is to see of it; unless it was us.
    if (!member->birth && by_peer) members.erase(member);
    NoteLeft(*session);
  }
}

// Processes whose connections are closed: a live one has merely put them away.
void Registry::DropDeadMembers() {
  std::set<pid_t> pids;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, session] : sessions_) {
      if (!session->cleanup_on_exit) continue;
      for (const Member& member : session->members) {
        if (member.connection == 0 && member.birth) pids.insert(member.pid);
      }
    }
  }
  if (pids.empty()) return;
  std::map<pid_t, std::optional<uint64_t>> births;
  for (const pid_t pid : pids) births[pid] = hooks_.birth_of(pid);
  MutexLock lock(mutex_);
  for (const auto& [key, session] : sessions_) {
    const size_t dead = std::erase_if(session->members, [&](const Member& member) {
      const auto birth = births.find(member.pid);
      return member.connection == 0 && member.birth && birth != births.end() &&
             birth->second != member.birth;
    });
    if (dead > 0) NoteLeft(*session);
  }
}

void Registry::Tick() {
  DropDeadMembers();
  std::vector<Parting> partings;
  std::vector<SessionPtr> unfinished;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.Steady();
    ForgiveGap(now);
    for (const SessionPtr& session : ending_) {
      if (now >= session->next_try) unfinished.push_back(session);
    }
    std::vector<std::pair<SessionPtr, EndReason>> due;
    for (const auto& [key, session] : sessions_) {
      if (const auto reason = DueReason(*session, now)) due.emplace_back(session, *reason);
    }
    for (const auto& [session, reason] : due) partings.push_back(TakeOut(session, reason));
  }
  for (const Parting& parting : partings) Finish(parting);
  for (const SessionPtr& session : unfinished) RemoveStores(session);
}

// --- the thread ---

void Registry::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Registry::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.request_stop();
  {
    MutexLock lock(mutex_);
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

// Where nobody is registered it sleeps, so that an idle daemon stays idle.
void Registry::Run(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "sessions");
  while (!stop.stop_requested()) {
    {
      MutexLock lock(mutex_);
      if (stop.stop_requested()) return;
      const bool idle = sessions_.empty() && ending_.empty();
      if (idle) {
        wake_.WaitFor(mutex_, kEmptyInterval);
        ticked_ = clock_.Steady();
        continue;
      }
      wake_.WaitFor(mutex_, kTickInterval);
    }
    if (!stop.stop_requested()) Tick();
  }
}

}  // namespace pannier::sessions
