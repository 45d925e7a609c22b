#include "daemon/operations/executor.h"

#include <pthread.h>

#include <algorithm>

#include "daemon/operations/members.h"
#include "daemon/operations/operation_json.h"
#include "lib/core/log.h"
#include "lib/json/cold.h"

namespace pannier::operations {
namespace {

using nlohmann::json;
using store::JournalEntry;

constexpr auto kGlance = std::chrono::seconds(2);
constexpr int kNoteAttempts = 4;
constexpr auto kNotePause = std::chrono::milliseconds(50);

bool Conflict(const std::vector<Hold>& a, const std::vector<Hold>& b) {
  for (const Hold& mine : a) {
    for (const Hold& other : b) {
      if (mine.what == other.what && !(mine.shared && other.shared)) return true;
    }
  }
  return false;
}

}  // namespace

struct Executor::Operation {
  Operation(Request asked, JournalEntry journaled, std::vector<Hold> needed)
      : request(std::move(asked)), entry(std::move(journaled)), holds(std::move(needed)) {}

  const Request request;
  JournalEntry entry;  // of the submitter, then of the thread that runs it
  const std::vector<Hold> holds;
  Context::Shared shared;
  // Guarded by the executor's mutex:
  bool running = false;
  bool cancelled = false;
  uint32_t attempts = 0;
  std::optional<WallTime> started;
};

Executor::Executor(store::Journal& journal, Runners runners, const Clock& clock,
                   ExecutorOptions options, std::function<void(const Ended&)> on_end)
    : journal_(journal),
      runners_(std::move(runners)),
      clock_(clock),
      options_(options),
      on_end_(std::move(on_end)) {}

Executor::~Executor() { Stop(); }

// --- start and stop ---

Status Executor::Start() {
  TRY(EndPartsThatDied());
  for (const JournalEntry& entry : TRY(journal_.Unfinished())) {
    Result<OperationPtr> operation = Load(entry);
    if (!operation.ok()) {
      TRY(EndAtStart(entry, operation.error()));
      continue;
    }
    MutexLock lock(mutex_);
    live_.push_back(std::move(operation).value());
  }
  for (uint32_t i = 0; i < options_.parallel; ++i) {
    threads_.emplace_back([this, i](std::stop_token stop) {
      pthread_setname_np(pthread_self(), ("operation-" + std::to_string(i)).c_str());
      Work(stop);
    });
  }
  return {};
}

Status Executor::EndAtStart(JournalEntry entry, const Error& error) {
  entry.state = ToString(State::kFailed);
  entry.ended = true;
  entry.changed = clock_.Now();
  entry.result = pannier::json::Dump({{"error", ErrorJson(error)}});
  return journal_.Update(entry);
}

// Parts of operations (PartOperation) are not taken up by themselves: what they are part of begins
// them again, if it goes on.
Status Executor::EndPartsThatDied() {
  for (const JournalEntry& entry : TRY(journal_.List(options_.history))) {
    const bool died = entry.ended && entry.state == ToString(State::kRunning);
    if (died) TRY(EndAtStart(entry, Internal("the daemon ended meanwhile")));
  }
  return {};
}

Result<Executor::OperationPtr> Executor::Load(const JournalEntry& entry) const {
  Request request = TRY(ParseRequest(entry.uid, entry.request));
  const auto runner = runners_.find(request.action);
  if (runner == runners_.end()) return Unimplemented("this version does not do that");
  if (!entry.happened) {
    if (entry.attempts >= options_.attempts_max) {
      return Internal("given up: " + std::to_string(entry.attempts) +
                          " attempts were ended by a crash of the daemon",
                      "its log says what happened; ask again under a new uid");
    }
    TRY(runner->second->Check(request));
  }
  std::vector<Hold> holds = runner->second->Holds(request);
  auto operation = std::make_shared<Operation>(std::move(request), entry, std::move(holds));
  operation->attempts = entry.attempts;
  return operation;
}

void Executor::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const OperationPtr& operation : live_) operation->shared.Stop();
    changed_.NotifyAll();
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

// --- calls ---

Result<std::optional<Executor::Submitted>> Executor::FindSame(const Request& request) const {
  const std::optional<JournalEntry> known = TRY(journal_.Find(request.uid));
  if (!known) return std::optional<Submitted>();
  if (known->request != request.canonical) {
    return pannier::Conflict(
        "operation " + request.uid.ToString() + " was asked for already, with another body",
        "choose a new uid for a new operation");
  }
  json shown = TRY(Show(request.uid));
  return std::optional<Submitted>({false, std::move(shown)});
}

Result<Executor::Submitted> Executor::Submit(const Uuid& uid, std::string_view body) {
  Request request = TRY(ParseRequest(uid, body));
  if (request.epoch) TRY(journal_.RaiseEpoch(*request.epoch));
  return Take(std::move(request));
}

Result<Executor::Submitted> Executor::SubmitOurs(const Uuid& uid, std::string_view body) {
  return Take(TRY(ParseRequest(uid, body)));
}

Result<Executor::Submitted> Executor::Take(Request request) {
  const auto runner = runners_.find(request.action);
  if (runner == runners_.end()) {
    return Unimplemented("this daemon does not do " + std::string(ToString(request.action)));
  }
  const MutexLock submitting(submit_mutex_);
  if (std::optional<Submitted> same = TRY(FindSame(request))) return std::move(*same);
  TRY(runner->second->Check(request));
  if (waiting() >= options_.waiting_max) {
    return ResourceExhausted(
        std::to_string(options_.waiting_max) + " operations are waiting already",
        "try again later");
  }
  JournalEntry entry;
  entry.uid = request.uid;
  entry.request = request.canonical;
  entry.state = ToString(State::kPending);
  entry.created = entry.changed = clock_.Now();
  TRY(journal_.Add(entry));
  std::vector<Hold> holds = runner->second->Holds(request);
  const auto operation =
      std::make_shared<Operation>(std::move(request), std::move(entry), std::move(holds));
  Submitted submitted{true, View(*operation)};
  MutexLock lock(mutex_);
  live_.push_back(operation);
  changed_.NotifyAll();
  return submitted;
}

Result<json> Executor::Show(const Uuid& uid) const {
  if (const OperationPtr live = FindLive(uid)) return View(*live);
  const std::optional<JournalEntry> entry = TRY(journal_.Find(uid));
  if (!entry) {
    return NotFound("there is no operation " + uid.ToString(),
                    "the daemon forgets the oldest of those that have ended");
  }
  return EntryJson(*entry);
}

Result<std::vector<json>> Executor::List(uint32_t limit) const {
  std::vector<json> list;
  for (const JournalEntry& entry : TRY(journal_.List(limit))) {
    if (entry.ended) list.push_back(EntryJson(entry));
    if (!entry.ended) list.push_back(TRY(Show(entry.uid)));
  }
  return list;
}

Status Executor::Cancel(const Uuid& uid, std::optional<uint64_t> epoch) {
  if (epoch) TRY(journal_.RaiseEpoch(*epoch));
  OperationPtr waiting;
  {
    MutexLock lock(mutex_);
    const auto found = std::find_if(live_.begin(), live_.end(), [&](const OperationPtr& live) {
      return live->request.uid == uid;
    });
    if (found != live_.end()) {
      (*found)->cancelled = true;
      (*found)->shared.Stop();
      if ((*found)->running) return {};
      waiting = *found;
      waiting->running = true;  // so that no thread takes it
    }
  }
  if (!waiting) {
    TRY(Show(uid));
    return {};
  }
  End(*waiting, State::kCancelled, ::pannier::Conflict("cancelled before it began"));
  Leave(waiting);
  return {};
}

Status Executor::GiveGrants(const Uuid& uid, const std::vector<Grant>& grants,
                            std::optional<uint64_t> epoch) {
  if (epoch) TRY(journal_.RaiseEpoch(*epoch));
  const OperationPtr operation = FindLive(uid);
  const Error nobody =
      pannier::Conflict("operation " + uid.ToString() + " does not wait for grants");
  if (!operation) return nobody;
  MutexLock desk(operation->shared.desk_mutex);
  if (!operation->shared.on_grant) return nobody;
  for (const Grant& grant : grants) TRY(operation->shared.on_grant(grant));
  return {};
}

Executor::OperationPtr Executor::FindLive(const Uuid& uid) const {
  MutexLock lock(mutex_);
  for (const OperationPtr& operation : live_) {
    if (operation->request.uid == uid) return operation;
  }
  return nullptr;
}

uint32_t Executor::running() const {
  MutexLock lock(mutex_);
  return static_cast<uint32_t>(std::count_if(
      live_.begin(), live_.end(), [](const OperationPtr& live) { return live->running; }));
}

uint32_t Executor::waiting() const {
  MutexLock lock(mutex_);
  return static_cast<uint32_t>(std::count_if(
      live_.begin(), live_.end(), [](const OperationPtr& live) { return !live->running; }));
}

json Executor::View(const Operation& operation) const {
  LiveState live;
  {
    MutexLock lock(mutex_);
    live.state = operation.running ? State::kRunning : State::kPending;
    live.attempts = operation.attempts;
    live.started = operation.started;
    live.created = operation.entry.created;
  }
  auto& shared = const_cast<Context::Shared&>(operation.shared);
  MutexLock lock(shared.mutex);
  if (!shared.wants.empty()) live.state = State::kAwaitingGrants;
  live.phase = shared.phase;
  live.done = shared.done;
  live.total = shared.total;
  live.plan = shared.plan;
  live.wants = shared.wants;
  return LiveJson(operation.request, live);
}

// --- work ---

void Executor::Work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    OperationPtr next;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      if (unnoted_.empty()) next = TakeNext();
      if (!next) changed_.WaitFor(mutex_, kGlance);
    }
    if (!next) {
      NoteLeft();
      continue;
    }
    Run(*next);
    Leave(next);
  }
}

// The oldest whose holds nobody has, and nobody older waits for.
Executor::OperationPtr Executor::TakeNext() {
  for (size_t i = 0; i < live_.size(); ++i) {
    Operation& candidate = *live_[i];
    if (candidate.running) continue;
    bool free = true;
    for (size_t j = 0; j < live_.size() && free; ++j) {
      const bool before = live_[j]->running || j < i;
      if (j != i && before && Conflict(candidate.holds, live_[j]->holds)) free = false;
    }
    if (!free) continue;
    candidate.running = true;
    candidate.started = clock_.Now();
    ++candidate.attempts;
    return live_[i];
  }
  return nullptr;
}

void Executor::Run(Operation& operation) {
  operation.entry.state = ToString(State::kRunning);
  operation.entry.changed = clock_.Now();
  ++operation.entry.attempts;
  const Status noted = journal_.Update(operation.entry);
  if (!noted.ok()) return End(operation, State::kFailed, noted.error());
  Context context(operation.request, operation.entry.happened, operation.entry.attempts,
                  clock_.Steady() + operation.request.timeout, clock_, operation.shared);
  const Result<json> result = runners_.at(operation.request.action)->Run(context);
  if (result.ok()) return End(operation, State::kSucceeded, result);
  bool cancelled = false, stopping = false;
  {
    MutexLock lock(mutex_);
    cancelled = operation.cancelled;
    stopping = stopping_;
  }
  // Waits that are ended say that what they waited for was not there.
  const bool ended_early = result.Is(Errc::kDeadlineExceeded) || result.Is(Errc::kUnavailable);
  if (stopping && !cancelled && ended_early) {
    // Not its fault: the next start runs it again, and this attempt does not count.
    operation.entry.state = ToString(State::kPending);
    --operation.entry.attempts;
    const Status kept = journal_.Update(operation.entry);
    if (!kept.ok()) LogWarn("an operation's state was not noted").Add("error", kept.error().what);
    return;
  }
  if (cancelled && ended_early)
    return End(operation, State::kCancelled, ::pannier::Conflict("cancelled while it ran"));
  End(operation, State::kFailed, result);
}

void Executor::End(Operation& operation, State state, const Result<json>& result) {
  const WallTime now = clock_.Now();
  JournalEntry& entry = operation.entry;
  std::optional<WallTime> started;
  {
    MutexLock lock(mutex_);
    started = operation.started;
  }
  json kept;
  {
    MutexLock lock(operation.shared.mutex);
    kept = EndedJson(operation.shared.plan, result, started);
  }
  entry.state = ToString(state);
  entry.result = pannier::json::Dump(kept);
  entry.ended = true;
  entry.changed = now;
  const Status noted = NoteEnd(entry);
  // It stays unfinished in the journal until the disk takes notes again; when the process ends
  // before, it is run again at the next start.
  if (!noted.ok()) {
    LogWarn("an operation's end is not noted yet").Add("error", noted.error().what);
    MutexLock lock(mutex_);
    unnoted_.push_back(entry);
  }
  static const json kNothing;
  if (on_end_) {
    on_end_({operation.request, state, result.ok() ? *result : kNothing,
             result.ok() ? nullptr : &result.error(), now - started.value_or(now)});
  }
}

// A disk that fails once must not let an operation that has ended look as if it ran.
Status Executor::NoteEnd(const JournalEntry& entry) {
  Status noted = journal_.Update(entry);
  for (int i = 0; i < kNoteAttempts && !noted.ok(); ++i) {
    std::this_thread::sleep_for(kNotePause);
    noted = journal_.Update(entry);
  }
  if (!noted.ok()) return noted;
  const Status pruned = journal_.Prune(options_.history);  // else after the next one
  if (!pruned.ok()) LogWarn("the journal was not pruned").Add("error", pruned.error().what);
  return {};
}

// What a disk that failed for longer did not take. One at a time, by whichever thread has nothing
// else to do.
void Executor::NoteLeft() {
  store::JournalEntry entry;
  {
    MutexLock lock(mutex_);
    if (unnoted_.empty()) return;
    entry = std::move(unnoted_.back());
    unnoted_.pop_back();
  }
  if (journal_.Update(entry).ok()) return;
  MutexLock lock(mutex_);
  unnoted_.push_back(std::move(entry));
}

void Executor::Leave(const OperationPtr& operation) {
  MutexLock lock(mutex_);
  std::erase(live_, operation);
  changed_.NotifyAll();
}

}  // namespace pannier::operations
