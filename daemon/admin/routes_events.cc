// GET /admin/v1/events.
#include <nlohmann/json.hpp>

#include "daemon/admin/answers.h"
#include "daemon/admin/routes.h"
#include "lib/core/time_text.h"

namespace pannier::admin {

using nlohmann::json;

void AddEventRoutes(Router& router, const service::Events& events) {
  router.Add("GET", "/admin/v1/events", [&events](const Call& call) -> Result<http::Response> {
    const service::Events::Page page = events.After(TRY(NumberOf(call, "after", 0)));
    json list = json::array();
    for (const service::Event& event : page.events) {
      const bool warning = event.type == service::EventType::kWarning;
      list.push_back({{"number", event.number},
                      {"time", FormatTime(event.time)},
                      {"type", warning ? "Warning" : "Normal"},
                      {"reason", event.reason},
                      {"store", event.store},
                      {"message", event.message},
                      {"action", event.action}});
    }
    return Json(200, {{"events", std::move(list)}, {"last", page.last}});
  });
}

}  // namespace pannier::admin
