#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <set>

namespace pannier::cli {
namespace {

// The words that may follow a command: its own commands and flags, and the program's flags.
std::string WordsAfter(const CLI::App& command, const CLI::App& program) {
  std::string words;
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; }))
    words += child->get_name() + " ";
  for (const CLI::App* app : {&command, &program}) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string word = "--" + name + " ";
        if (words.find(word) == std::string::npos) words += word;
      }
    }
    if (&command == &program) break;
  }
  if (!words.empty()) words.pop_back();
  return words;
}

// One `case` branch per command, its words joined by spaces as the key.
void AddBranches(const CLI::App& command, const CLI::App& program, const std::string& path,
                 std::string& out) {
  out += "    \"" + path + "\") words=\"" + WordsAfter(command, program) + "\" ;;\n";
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; }))
    AddBranches(*child, program, path.empty() ? child->get_name() : path + " " + child->get_name(),
                out);
}

// Flags that take a value, of all commands.
void AddFlagsWithValues(const CLI::App& command, std::set<std::string>* flags) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_expected_max() == 0) continue;
    for (const std::string& name : option->get_lnames()) flags->insert("--" + name);
    for (const std::string& name : option->get_snames()) flags->insert("-" + name);
  }
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; }))
    AddFlagsWithValues(*child, flags);
}

std::string FlagsWithValues(const CLI::App& app) {
  std::set<std::string> flags;
  AddFlagsWithValues(app, &flags);
  std::string joined;
  for (const std::string& flag : flags) joined += (joined.empty() ? "" : "|") + flag;
  return joined;
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  std::string branches;
  AddBranches(app, app, "", branches);
  return R"sh(# pannierctl completion: eval "$(pannierctl completion bash)"
_pannierctl_first() {  # the names that `pannierctl $1 list` shows
  pannierctl "$1" list --timeout 2s 2>/dev/null | awk 'NR > 1 {print $1}'
}
_pannierctl() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" words="" i
  case "$before" in
    -o|--output) COMPREPLY=($(compgen -W "json yaml table" -- "$word")); return ;;
    --socket|--admin-socket|--ca|--cert|--key|--file|--directory|check|import)
      COMPREPLY=($(compgen -f -- "$word")); return ;;
    --store|--from|--to) COMPREPLY=($(compgen -W "$(_pannierctl_first stores)" -- "$word")); return ;;
    --repository) COMPREPLY=($(compgen -W "$(_pannierctl_first repository)" -- "$word")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in
)sh" + FlagsWithValues(app) +
         R"sh() ((i++)) ;;
      -*) ;;
      *) path="${path:+$path }${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
)sh" + branches +
         R"sh(  esac
  case "$path" in
    "stores info"|"stores close"|"stores flush")
      words="$words $(_pannierctl_first stores)" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _pannierctl pannierctl
)sh";
}

std::string ZshCompletion(const CLI::App& app) {
  return "# pannierctl completion: eval \"$(pannierctl completion zsh)\"\n"
         "autoload -U +X compinit && compinit -u\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         BashCompletion(app);
}

}  // namespace pannier::cli
