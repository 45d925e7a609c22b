#include "cli/operations.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/daemon_client.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "lib/core/units.h"
#include "lib/core/uuid.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kDamaged = 3;
constexpr milliseconds kFirstPause{20};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kAnswerTime{60'000};

Result<Endpoint> Admin(const Arguments& arguments) {
  Endpoint endpoint = TRY(AdminEndpoint(arguments));
  endpoint.timeout = std::min(endpoint.timeout, kAnswerTime);
  return endpoint;
}

std::string PathOf(const std::string& uid) { return "/admin/v1/operations/" + uid; }

std::string TextOf(const json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

uint64_t CountOf(const json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_number() ? found->get<uint64_t>() : 0;
}

bool HasEnded(const std::string& state) {
  return state == "Succeeded" || state == "Failed" || state == "Cancelled";
}

Result<std::string> Begin(const Arguments& arguments, const json& body) {
  const std::string uid = Uuid::Random().ToString();
  TRY(Ask(TRY(Admin(arguments)), "PUT", PathOf(uid), pannier::json::Dump(body)));
  return uid;
}

// The operation once it has ended.
Result<json> Await(const Arguments& arguments, const std::string& uid, Terminal& terminal) {
  const auto deadline = steady_clock::now() + arguments.timeout;
  ProgressView view(terminal);
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 3 / 2, kLongestPause)) {
    Result<json> asked = Ask(TRY(Admin(arguments)), "GET", PathOf(uid));
    const bool too_late = steady_clock::now() >= deadline;
    if (!asked.ok() && !(too_late && asked.Is(Errc::kDeadlineExceeded))) return asked;
    json operation = asked.ok() ? std::move(asked).value() : json();
    if (HasEnded(TextOf(operation, "state"))) return operation;
    if (too_late) {
      return DeadlineExceeded(
          "operation " + uid + " has not ended within " + FormatDuration(arguments.timeout),
          "it goes on: `pannierctl operations show " + uid + "`");
    }
    const json progress = operation.value("progress", json());
    view.Show(TextOf(progress, "phase"), CountOf(progress, "done"), CountOf(progress, "total"));
    std::this_thread::sleep_for(pause);
  }
}

Error FailureOf(const json& operation) {
  Error error = ErrorFrom(operation.value("error", json()), 500);
  const std::string store = TextOf(operation, "store");
  if (error.code == Errc::kCorruption && error.hint.empty() && !store.empty()) {
    error.hint = "`pannierctl store verify --store " + store +
                 " --wait` tells whether the store is damaged, `store salvage` mends it "
                 "(docs/runbooks/damage.md)";
  }
  return error;
}

// What it came to: its result, with its plan where it has one.
Result<json> ResultOf(const json& operation) {
  const std::string state = TextOf(operation, "state");
  if (state == "Cancelled") return Conflict("the operation was cancelled");
  if (state == "Failed") {
    return FailureOf(operation);
  }
  json result = operation.value("result", json());
  if (!result.is_object()) result = json::object();
  if (!result.contains("uid")) result["uid"] = operation.value("uid", json());
  const json plan = operation.value("plan", json());
  if (!plan.is_null() && !result.contains("plan")) result["plan"] = plan;
  return result;
}

// Members of rows that are no lists or objects themselves, in the order of their names.
std::vector<Column> ColumnsOf(const json& rows) {
  std::vector<Column> columns;
  for (const auto& [member, value] : rows[0].items()) {
    if (value.is_structured()) continue;
    std::string heading = member;
    std::transform(heading.begin(), heading.end(), heading.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    columns.push_back({std::move(heading), member});
  }
  return columns;
}

// "collections of default_tenant/docs", below the table whose row has them.
std::string HeadingIn(const json& row, const std::string& member) {
  for (const char* name : {"store", "name", "path"}) {
    const std::string text = TextOf(row, name);
    if (!text.empty()) return member + " of " + text;
  }
  return member;
}

void AddList(const std::string& heading, const json& list, std::string* text) {
  if (list.empty()) return;
  *text += "\n" + heading + ":\n";
  if (!list[0].is_object()) {
    for (const json& line : list)
      *text += "  " + (line.is_string() ? line.get<std::string>() : line.dump()) + "\n";
    return;
  }
  *text += ToTable(list, ColumnsOf(list));
  for (const json& row : list) {
    for (const auto& [member, value] : row.items()) {
      if (value.is_array()) AddList(HeadingIn(row, member), value, text);
    }
  }
}

// Only garbage collection plans with snapshots, and what it plans is to delete them.
std::string Heading(const std::string& member) {
  return member == "plan.snapshots" ? "snapshots that no rule keeps, to be deleted" : member;
}

// The lists of a result below its lines: tables of objects, lines of texts.
void AddLists(const json& result, const std::string& prefix, std::string* text) {
  for (const auto& [member, value] : result.items()) {
    if (value.is_object()) AddLists(value, prefix + member + ".", text);
    if (value.is_array()) AddList(Heading(prefix + member), value, text);
  }
}

// Without what the plan only repeats.
json WithoutRepetition(json result) {
  const auto plan = result.find("plan");
  if (plan == result.end() || !plan->is_object()) return result;
  json rest = json::object();
  for (const auto& [member, value] : plan->items()) {
    if (!result.contains(member) || result[member] != value) rest[member] = value;
  }
  *plan = std::move(rest);
  return result;
}

std::string ResultText(const json& whole) {
  const json result = WithoutRepetition(whole);
  std::string text = ToLines(result);
  AddLists(result, "", &text);
  return text;
}

std::string Written(const json& result, Format format) {
  if (format == Format::kJson) return ToJson(result);
  if (format == Format::kYaml) return ToYaml(result);
  return ResultText(result);
}

// A check that found damage has succeeded as an operation.
int ExitCodeOf(const json& result) {
  const auto sound = result.find("sound");
  return sound != result.end() && *sound == false ? kDamaged : 0;
}

Result<Answer> RunOnce(const Arguments& arguments, const json& body, Terminal& terminal) {
  const std::string uid = TRY(Begin(arguments, body));
  if (!arguments.wait) {
    if (arguments.format == Format::kTable) return Answer{uid + "\n"};
    return Answer{Written({{"uid", uid}}, arguments.format)};
  }
  const json result = TRY(ResultOf(TRY(Await(arguments, uid, terminal))));
  return Answer{Written(result, arguments.format), ExitCodeOf(result)};
}

// False: the person at the terminal does not want it.
Result<bool> Confirm(const Arguments& arguments, json body, Terminal& terminal) {
  body["dryRun"] = true;
  const std::string uid = TRY(Begin(arguments, body));
  const json result = TRY(ResultOf(TRY(Await(arguments, uid, terminal))));
  terminal.Write(ResultText(result.value("plan", result)) + "\nGo on? [y/N] ");
  const std::string answer = terminal.ReadLine();
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

Result<Answer> Operate(const Arguments& arguments, Terminal& terminal) {
  const json body = TRY(pannier::json::ParseCold(arguments.body));
  const bool asks = arguments.command == Command::kRestore && !arguments.yes &&
                    !body.contains("dryRun") && terminal.CanAsk();
  if (asks && !TRY(Confirm(arguments, body, terminal))) return Conflict("nothing was changed");
  return RunOnce(arguments, body, terminal);
}

}  // namespace pannier::cli
