#include "daemon/sessions/process.h"

#include <fstream>
#include <sstream>
#include <string>

namespace pannier::sessions {
namespace {

// proc(5), counted behind the name, which may itself hold spaces and brackets.
constexpr int kFieldsBeforeBirth = 18;  // from "ppid" to "itrealvalue"

}  // namespace

std::optional<uint64_t> BirthOf(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  std::string state, field;
  rest >> state;
  for (int i = 0; i < kFieldsBeforeBirth; ++i) rest >> field;
  uint64_t birth = 0;
  if (!(rest >> birth) || state == "Z" || state == "X") return std::nullopt;
  return birth;
}

}  // namespace pannier::sessions
