// From flags, environment and file to one checked Config.
// Threads: one, at start.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config/config.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::daemon {

// What the command line says; absent flags leave the file's or the default value.
struct Flags {
  std::optional<std::string> config_file;
  // Keys of the file with their values, in the order given: --data is {"dataDir", …}. The third
  // part is how the user spelled it, for error texts.
  struct Setting {
    std::string key;
    std::string value;
    std::string origin;
  };
  std::vector<Setting> settings;
};

// A variable's value; empty counts as unset.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment ProcessEnvironment();

// The file is --config, else PANNIER_CONFIG, else the default place if there is one.
//   kInvalidArgument  with file and line, flag or variable: unknown key, wrong value, or something
//                     that this version would not honour
//   kNotFound, kPermissionDenied  the file named cannot be read
Result<Config> Load(const Flags& flags, const Environment& environment, file::FileSystem& files);

// What no single key can tell: values that do not go together, and what this version would not
// honour. Part of Load().
//   kInvalidArgument  with the key
Status Check(const Config& config);

}  // namespace pannier::daemon
