// The token of a request, in any of the forms Chroma's clients send one.
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>

#include "lib/http/message.h"

namespace pannier::api {

// `Authorization: Bearer T` and `x-chroma-token: T` give T, `Authorization: Basic …` gives
// "user:password". Nothing when none of them is there or it cannot be read.
std::optional<std::string> TokenOf(const http::Request& request);

}  // namespace pannier::api
