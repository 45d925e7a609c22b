// Goal: where a request ends, and what it says, does not depend on how its bytes arrive; and what
// two parsers could read differently is refused.
#include "lib/http/framing.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "lib/http/message.h"

namespace pannier::http {
namespace {

constexpr FramingLimits kLimits{1024, 4096};

// What came out of framing one request.
struct Framed {
  Framing::State state;
  int status = 0;
  std::string head, body, rest;
};

// Feeds `bytes` in pieces that end at `cuts`.
Framed Feed(const std::string& bytes, const std::vector<size_t>& cuts,
            FramingLimits limits = kLimits) {
  Buffer buffer;
  Framing framing;
  Head head;
  size_t from = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t to = i < cuts.size() ? cuts[i] : bytes.size();
    buffer.Append(std::string_view(bytes).substr(from, to - from));
    from = to;
    framing.Advance(&buffer, limits, &head);
  }
  Framed framed{framing.state(), framing.fault().status, {}, {}, {}};
  if (framed.state == Framing::State::kComplete) {
    const std::string_view all = buffer.view();
    framed.head = all.substr(0, framing.head_bytes());
    framed.body = all.substr(framing.head_bytes(), framing.body_bytes());
    framed.rest = all.substr(framing.request_bytes());
  }
  return framed;
}

bool operator==(const Framed& a, const Framed& b) {
  return a.state == b.state && a.status == b.status && a.head == b.head && a.body == b.body &&
         a.rest == b.rest;
}

Head Parsed(const std::string& text) {
  static std::string kept;  // the views are of it
  kept = text;
  Head head;
  const Fault fault = ParseHead(kept, &head);
  CAPTURE(text, fault.message);
  REQUIRE_FALSE(fault);
  return head;
}

const std::string kChunked = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_CASE("framing: a request is the same however its bytes are cut", "[lib][http][framing]") {
  const std::string rest = "GET /next HTTP/1.1\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
      {"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {kChunked + "5\r\nhello\r\n0\r\n\r\n", "hello"},
      {kChunked + "0\r\n\r\n", ""},
      {kChunked + "3;name=\"v\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: t\r\nB: c\r\n\r\n",
       "abc0123456789"},
  };
  for (const auto& [request, body] : requests) {
    CAPTURE(request);
    const std::string bytes = request + rest;
    const Framed whole = Feed(bytes, {});
    REQUIRE(whole.state == Framing::State::kComplete);
    REQUIRE(whole.body == body);
    REQUIRE(whole.rest == rest);
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
      CAPTURE(cut);
      REQUIRE(Feed(bytes, {cut}) == whole);
    }
    std::vector<size_t> every(request.size());
    for (size_t i = 0; i < every.size(); ++i) every[i] = i;
    REQUIRE(Feed(bytes, every) == whole);
    for (size_t length = 0; length < request.size(); ++length) {
      const Framing::State state = Feed(request.substr(0, length), {}).state;
      REQUIRE((state == Framing::State::kHead || state == Framing::State::kBody));
    }
  }
}

TEST_CASE("framing: random cuts of random chunks give the body back", "[lib][http][framing]") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string body, coded = kChunked;
    const auto chunks = random() % 8;
    for (unsigned i = 0; i < chunks; ++i) {
      std::string chunk(1 + random() % 200, '\0');
      for (char& c : chunk) c = static_cast<char>(random());
      char size[32];
      snprintf(size, sizeof size, random() % 2 ? "%zx\r\n" : "%zX;e\r\n", chunk.size());
      coded += size + chunk + "\r\n";
      body += chunk;
    }
    coded += "0\r\n\r\n";
    std::vector<size_t> cuts;
    for (size_t at = random() % 40; at < coded.size(); at += 1 + random() % 40) cuts.push_back(at);
    const Framed framed = Feed(coded, cuts);
    REQUIRE(framed.state == Framing::State::kComplete);
    REQUIRE(framed.body == body);
    REQUIRE(framed.rest.empty());
  }
}

TEST_CASE("framing: what could be read in two ways is refused", "[lib][http][framing]") {
  const std::string get = "GET / HTTP/1.1\r\n";
  const std::string post = "POST / HTTP/1.1\r\n";
  const std::vector<std::pair<std::string, int>> table = {
      {post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
      {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {post + "Content-Length: 1, 1\r\n\r\n", 400},
      {post + "Content-Length: +1\r\n\r\n", 400},
      {post + "Content-Length: -1\r\n\r\n", 400},
      {post + "Content-Length: 0x1\r\n\r\n", 400},
      {post + "Content-Length: 1 1\r\n\r\n", 400},
      {post + "Content-Length: \r\n\r\n", 400},
      {post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {post + "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
      {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {post + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {get + "Host: a\r\nHost: a\r\n\r\n", 400},
      {get + "Host: a\r\n folded\r\n\r\n", 400},
      {get + "Host: a\r\n\tfolded\r\n\r\n", 400},
      {get + " Host: a\r\n\r\n", 400},
      {get + "Host : a\r\n\r\n", 400},
      {get + "Content-Length : 1\r\n\r\n", 400},
      {get + "no colon\r\n\r\n", 400},
      {get + ": empty\r\n\r\n", 400},
      {get + "H\xc3\xa4: a\r\n\r\n", 400},
      {get + "Host: a\n\r\n", 400},
      {get + "Host: a\rb\r\n\r\n", 400},
      {get + "Host: a\r\r\n\r\n", 400},
      {get + std::string("Host: a\0b\r\n\r\n", 13), 400},
      {get + "Host: a\x7f\r\n\r\n", 400},
      {get + "Host: a\x01\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"\nGET / HTTP/1.1\r\n\r\n", 400},
      {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400},
      {"\rGET / HTTP/1.1\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET\r\n\r\n", 400},
      {" GET / HTTP/1.1\r\n\r\n", 400},
      {"G@T / HTTP/1.1\r\n\r\n", 400},
      {"GET /a b HTTP/1.1\r\n\r\n", 400},
      {"GET /a\tb HTTP/1.1\r\n\r\n", 400},
      {"GET /a#b HTTP/1.1\r\n\r\n", 400},
      {"GET a HTTP/1.1\r\n\r\n", 400},
      {"GET *?a HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1x\r\n\r\n", 400},
      {"GET / http/1.1\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\n\r\n", 505},
      {"GET / HTTP/1.2\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\x16\x03\x01", 400},  // a TLS handshake
      {get + "Expect: 200-ok\r\n\r\n", 417},
      {kChunked + "\r\n", 400},
      {kChunked + "x\r\n", 400},
      {kChunked + "-1\r\n", 400},
      {kChunked + "0x1\r\na\r\n", 400},
      {kChunked + "1\na\r\n", 400},
      {kChunked + "1\r\nab\r\n", 400},
      {kChunked + "1\r\na\n", 400},
      {kChunked + "1\r\na\r\r", 400},
      {kChunked + "1;a\nb\r\n", 400},
      {kChunked + "00000000000000001\r\n", 400},
      {kChunked + "0\r\nTrailer: a\n\r\n", 400},
      {kChunked + "0\r\n\rx", 400},
  };
  for (const auto& [bytes, status] : table) {
    CAPTURE(bytes);
    const Framed framed = Feed(bytes, {});
    REQUIRE(framed.state == Framing::State::kRefused);
    REQUIRE(framed.status == status);
    for (size_t cut = 0; cut <= bytes.size(); ++cut) REQUIRE(Feed(bytes, {cut}) == framed);
  }
}

TEST_CASE("framing: each limit is met at its last byte and refused at the next",
          "[lib][http][framing]") {
  const auto sized = [](size_t header_bytes) {
    const std::string frame = "GET / HTTP/1.1\r\nX: \r\n\r\n";
    return "GET / HTTP/1.1\r\nX: " + std::string(header_bytes - frame.size(), 'x') + "\r\n\r\n";
  };
  REQUIRE(Feed(sized(1024), {}).state == Framing::State::kComplete);
  REQUIRE(Feed(sized(1025), {}).status == 431);
  REQUIRE(Feed("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x'), {}).status == 431);
  REQUIRE(Feed("GET /" + std::string(2000, 'x'), {}).status == 414);

  const std::string post = "POST / HTTP/1.1\r\nContent-Length: ";
  REQUIRE(Feed(post + "4096\r\n\r\n", {}).state == Framing::State::kBody);
  REQUIRE(Feed(post + "4097\r\n\r\n", {}).status == 413);
  REQUIRE(Feed(post + "9223372036854775807\r\n\r\n", {}).status == 413);
  REQUIRE(Feed(kChunked + "1000\r\n", {}).state == Framing::State::kBody);
  REQUIRE(Feed(kChunked + "1001\r\n", {}).status == 413);
  REQUIRE(Feed(kChunked + "ffffffffffffffff\r\n", {}).status == 413);
  REQUIRE(Feed(kChunked + "fff\r\n" + std::string(4095, 'a') + "\r\n2\r\n", {}).status == 413);
  REQUIRE(Feed(kChunked + "1;" + std::string(1200, 'a'), {}).status == 431);
  REQUIRE(Feed(kChunked + "0\r\nT: " + std::string(1200, 'a'), {}).status == 431);

  const FramingLimits wide{100'000, 4096};
  const auto target = [](size_t bytes) {
    return "GET /" + std::string(bytes - 1, 'a') + " HTTP/1.1\r\n\r\n";
  };
  REQUIRE(Feed(target(kTargetBytesMax), {}, wide).state == Framing::State::kComplete);
  REQUIRE(Feed(target(kTargetBytesMax + 1), {}, wide).status == 414);
  std::string many = "GET / HTTP/1.1\r\n";
  for (size_t i = 0; i < kHeaderCountMax; ++i) many += "A: b\r\n";
  REQUIRE(Feed(many + "\r\n", {}, wide).state == Framing::State::kComplete);
  REQUIRE(Feed(many + "A: b\r\n\r\n", {}, wide).status == 431);
}

TEST_CASE("head: target, headers and keep-alive are read as sent", "[lib][http][framing]") {
  const Head head = Parsed(
      "PATCH /a%20b/c?x=1&y=?2 HTTP/1.1\r\nHost: h\r\nX-One:  two words \t\r\nEmpty:\r\n"
      "connection: Foo , CLOSE\r\n\r\n");
  REQUIRE(head.method == "PATCH");
  REQUIRE(head.path == "/a%20b/c");
  REQUIRE(head.query == "x=1&y=?2");
  REQUIRE(head.headers.size() == 4);
  REQUIRE(head.headers[1].first == "X-One");
  REQUIRE(head.headers[1].second == "two words");
  REQUIRE(head.headers[2].second.empty());
  REQUIRE_FALSE(head.keeps_alive);

  REQUIRE(Parsed("GET http://host:80/p?q HTTP/1.1\r\n\r\n").path == "/p");
  REQUIRE(Parsed("GET http://host HTTP/1.1\r\n\r\n").path == "/");
  REQUIRE(Parsed("OPTIONS * HTTP/1.1\r\n\r\n").path == "*");
  REQUIRE(Parsed("GET /\xc3\xa4 HTTP/1.1\r\n\r\n").path == "/\xc3\xa4");
  REQUIRE(Parsed("GET / HTTP/1.1\r\n\r\n").keeps_alive);
  REQUIRE_FALSE(Parsed("GET / HTTP/1.0\r\n\r\n").keeps_alive);
  REQUIRE(Parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keeps_alive);
  REQUIRE(Parsed("GET / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n").expects_continue);
  REQUIRE_FALSE(Parsed("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
}

TEST_CASE("message: headers are found without case, escapes decoded or refused",
          "[lib][http][message]") {
  Request request;
  request.headers = {{"Content-Type", "a"}, {"content-type", "b"}};
  REQUIRE(request.Header("CONTENT-TYPE") == "a");
  REQUIRE_FALSE(request.Header("accept"));

  REQUIRE(PercentDecode("a%20b%2Fc%2f+", false) == "a b/c/+");
  REQUIRE(PercentDecode("a+b%2B", true) == "a b+");
  REQUIRE(PercentDecode("%00", false) == std::string(1, '\0'));
  REQUIRE(PercentDecode("", false) == "");
  for (const char* broken : {"%", "%1", "a%", "%zz", "%1g", "%%20", "% 1"}) {
    REQUIRE_FALSE(PercentDecode(broken, false));
  }
}

TEST_CASE("buffer: a move takes the bytes along and frees what was held", "[lib][http]") {
  Buffer a;
  a.Append("hello");
  REQUIRE(a.capacity() >= 5);
  Buffer b;
  b.Append("other");
  b = std::move(a);
  REQUIRE(b.view() == "hello");
  REQUIRE(a.capacity() == 0);  // NOLINT: looks at the moved-from one
  for (size_t i = 0; i < kBodyPadding; ++i) REQUIRE(b.data()[b.capacity() + i] == 0);
  b.Remove(1, 3);
  REQUIRE(b.view() == "ho");
  b.Reserve(1 << 20);
  REQUIRE(b.view() == "ho");
  b.Free();
  REQUIRE(b.empty());
}

}  // namespace
}  // namespace pannier::http
