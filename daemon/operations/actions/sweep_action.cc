// sweep: what nobody owns in the data directory, and sessions that are over.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "daemon/operations/scrubber.h"
#include "daemon/sessions/registry.h"
#include "lib/core/time_text.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

class Sweep final : public ActionRunner {
 public:
  explicit Sweep(Services& services) : services_(services) {}
  Status Check(const Request&) override { return {}; }
  // Alone: then no operation has anything in staging.
  std::vector<Hold> Holds(const Request&) const override {
    return {AllStoresHold(/*shared=*/false)};
  }
  Result<json> Run(Context& context) override;

 private:
  Services& services_;
};

store::SweepOptions OptionsOf(const Request& request) {
  store::SweepOptions options;
  const std::string mode = TextOf(request.arguments, "mode").value_or("Report");
  if (mode == "Quarantine") options.mode = store::SweepMode::kQuarantine;
  if (mode == "Delete") options.mode = store::SweepMode::kDelete;
  if (request.dry_run) options.mode = store::SweepMode::kReport;
  if (const auto grace = CountOf(request.arguments, "graceSeconds")) {
    options.grace = std::chrono::seconds(std::min<uint64_t>(*grace, 1u << 30));
  }
  options.running = {request.uid, kScrubOperation};
  return options;
}

json FoundJson(const store::Leftover& leftover) {
  return {{"path", leftover.path},
          {"why", leftover.why},
          {"bytes", leftover.bytes},
          {"since", FormatTime(leftover.since)},
          {"removed", leftover.removed}};
}

// What is past its own time-out is over, and only said here; whom a policy deems idle sooner is
// ended by mode Delete alone, since a session cannot be put aside.
sessions::SweepOptions SessionOptionsOf(const Request& request) {
  const std::string mode = TextOf(request.arguments, "mode").value_or("Report");
  sessions::SweepOptions options;
  options.ends = mode != "Report" && !request.dry_run;
  options.only = UuidsOf(request.arguments, "sessions");
  const auto idle = CountOf(request.arguments, "sessionIdleSeconds");
  if (idle && (mode == "Delete" || !options.ends)) {
    options.idle = std::chrono::seconds(std::min<uint64_t>(*idle, 1u << 30));
  }
  return options;
}

json SessionJson(const sessions::SessionInfo& session) {
  return {{"uid", session.uid.ToString()},
          {"id", session.id},
          {"name", session.name},
          {"owner", session.owner},
          {"lastActivity", FormatTime(session.last_activity)},
          {"idleSeconds", session.idle.count()}};
}

json SessionsJson(const sessions::SweepResult& result) {
  json found = json::array();
  for (const sessions::SessionInfo& session : result.found) found.push_back(SessionJson(session));
  return {{"found", std::move(found)},
          {"foundTotal", result.found_total},
          {"ended", result.ended},
          {"temporaryStoresRemoved", result.stores_removed},
          {"connectionsClosed", result.connections_closed},
          {"errors", result.errors}};
}

Result<json> Sweep::Run(Context& context) {
  TRY(context.Enter("looking"));
  const std::string what = TextOf(context.request().arguments, "what").value_or("All");
  const SteadyTime begin = SystemClock().Steady();
  sessions::SweepResult sessions;
  if (what != "Files") sessions = services_.sessions.Sweep(SessionOptionsOf(context.request()));
  if (sessions.ended > 0) {
    services_.events.Normal("SessionsEnded", "",
                            std::to_string(sessions.ended) + " sessions were ended by a sweep");
  }
  store::SweepResult result;
  if (what != "Sessions") result = TRY(services_.stores.Sweep(OptionsOf(context.request())));
  json found = json::array();
  for (const store::Leftover& leftover : result.found) found.push_back(FoundJson(leftover));
  context.SetPlan({{"found", found}});
  if (result.removed > 0) {
    services_.events.Normal("LeftoversRemoved", "",
                            std::to_string(result.removed) + " leftovers were moved or deleted");
  }
  return json{{"found", found},
              {"foundTotal", result.found_total},
              {"files", result.files},
              {"bytes", result.bytes},
              {"removed", result.removed},
              {"errors", result.errors},
              {"sessions", SessionsJson(sessions)},
              {"seconds", std::chrono::duration<double>(SystemClock().Steady() - begin).count()}};
}

}  // namespace

std::unique_ptr<ActionRunner> MakeSweepAction(Services& services) {
  return std::make_unique<Sweep>(services);
}

}  // namespace pannier::operations
