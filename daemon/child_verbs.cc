#include "daemon/child_verbs.h"

#include <nlohmann/json.hpp>
#include <string>

#include "daemon/rescue/chroma_directory.h"
#include "lib/file/file_system.h"
#include "lib/json/cold.h"

namespace pannier::daemon {
namespace {

using nlohmann::json;

// The members of a verb's arguments, which the daemon itself wrote.
class Arguments {
 public:
  static Result<Arguments> Parse(std::string_view text) {
    Arguments arguments;
    arguments.tree_ = TRY(pannier::json::ParseCold(text));
    return arguments;
  }
  std::string Text(const char* member) const {
    const auto found = tree_.is_object() ? tree_.find(member) : tree_.end();
    return found != tree_.end() && found->is_string() ? found->get<std::string>() : std::string();
  }

 private:
  json tree_;
};

Result<std::string> Rescue(std::string_view text, const ChildProgress& progress) {
  const Arguments arguments = TRY(Arguments::Parse(text));
  const rescue::RescueReport report = TRY(rescue::RescueChromaDirectory(
      arguments.Text("directory"), arguments.Text("target"), file::RealFileSystem(), progress));
  return rescue::ToJson(report);
}

}  // namespace

std::span<const ChildVerb> ChildVerbs() {
  static const ChildVerb verbs[] = {{"rescue", Rescue}};
  return verbs;
}

}  // namespace pannier::daemon
