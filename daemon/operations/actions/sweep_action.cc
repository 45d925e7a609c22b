// sweep: what nobody owns in the data directory.
#include "daemon/operations/actions/actions.h"
#include "daemon/operations/actions/support.h"
#include "daemon/operations/members.h"
#include "daemon/operations/scrubber.h"
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

Result<json> Sweep::Run(Context& context) {
  TRY(context.Enter("looking"));
  const store::SweepResult result = TRY(services_.stores.Sweep(OptionsOf(context.request())));
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
              {"seconds", std::chrono::duration<double>(result.took).count()}};
}

}  // namespace

std::unique_ptr<ActionRunner> MakeSweepAction(Services& services) {
  return std::make_unique<Sweep>(services);
}

}  // namespace pannier::operations
