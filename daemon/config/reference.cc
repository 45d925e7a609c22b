#include "daemon/config/reference.h"

#include "daemon/config/keys.h"

namespace pannier::daemon {
namespace {

constexpr std::string_view kHead =
    "# Configuration of pannierd\n"
    "\n"
    "<!-- Written by `pannierd --print-config-reference`; change daemon/config/keys.cc instead. "
    "-->\n"
    "\n"
    "The daemon runs without any configuration. What is set here comes from four places, each\n"
    "stronger than the one before: the defaults below; a YAML file (`--config FILE`, else\n"
    "`PANNIER_CONFIG`, else `/etc/pannier/pannierd.yaml` if it exists); the environment\n"
    "(`PANNIER_SOCKET`, `PANNIER_ADMIN_SOCKET`); flags. Every key can be given as a flag:\n"
    "`--set stores.maxOpen=64`.\n"
    "\n"
    "In the file a dot is a level: `stores.maxOpen` is\n"
    "\n"
    "```yaml\n"
    "stores:\n"
    "  maxOpen: 64\n"
    "```\n"
    "\n"
    "Sizes carry a unit (`512MiB`, `2GB`), time spans too (`500ms`, `30s`, `4h`). A key that is "
    "not\n"
    "known is an error with its file and line. `pannierd --check-config` checks and stops;\n"
    "`pannierctl config check FILE` does the same for a file.\n";

std::string SectionOf(const std::string& path) {
  const size_t end = path.find_first_of(".[");
  return end == std::string::npos ? "" : path.substr(0, end);
}

std::string Code(const std::string& text) { return text.empty() ? "" : "`" + text + "`"; }

}  // namespace

std::string ConfigReference() {
  Config defaults;
  std::string page(kHead);
  std::string section = "none";
  for (const config::Schema::Field& field : KeysOf(defaults).fields()) {
    if (SectionOf(field.path) != section) {
      section = SectionOf(field.path);
      page += "\n## " + (section.empty() ? "General" : section) +
              "\n\n| key | default | may be | meaning |\n| --- | --- | --- | --- |\n";
    }
    page += "| `" + field.path + "` | " + Code(field.default_text) + " | " + field.allowed + " | " +
            field.description + " |\n";
  }
  return page;
}

}  // namespace pannier::daemon
