// Lets cpp-httplib run one request from memory and format its answer.
//
// cpp-httplib gets a constant head and whether the connection ends, no more. The framing has
// checked and split the real head already, and what httplib 0.11 would do with it costs or harms:
// it reads headers byte by byte, refuses lines beyond 8 KiB, runs a std::regex (recursive, on input
// from outside) over Range, compresses every answer for clients that send Accept-Encoding, answers
// Expect a second time and copies bodies. Its handlers match regexes too, so the pre-routing
// handler takes every request.
//
// Threads: one adapter per thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/http/message.h"

namespace pannier::http {

// The bytes of an answer, in two parts so that a large body is not copied.
struct Answer {
  std::string head;
  std::string body;
  bool closes = false;  // the connection ends behind it
};

class HttplibAdapter {
 public:
  HttplibAdapter();
  ~HttplibAdapter();

  struct Exchange {
    std::string_view method = "GET";  // of HEAD the body is left out
    int minor_version = 1;
    bool keeps_alive = true;
  };
  // Calls `produce` once and formats what it returns. When it throws, the answer is a 500. It may
  // still change `exchange`: what holds when it returns counts.
  Answer Run(const Exchange& exchange, const std::function<Response()>& produce);

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

// {"error":"ChromaError","message":…}: what the server answers by itself unless told otherwise.
// `message` needs no escaping.
Response PlainRefusal(int status, std::string_view message);

}  // namespace pannier::http
