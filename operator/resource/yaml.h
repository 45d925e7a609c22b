// YAML for people, from JSON: block style, keys in their order. Threads: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pannier::control {

// Ends with a newline. Any YAML 1.2 reader (and 1.1, which Kubernetes uses) reads the same value.
std::string ToYaml(const nlohmann::ordered_json& value);

}  // namespace pannier::control
