// Goal: what S3 servers send is read, and anything else is refused without harm.
#include "lib/repository/xml.h"

#include <catch2/catch.hpp>

#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::repository;

TEST_CASE("xml: an error and a list are read", "[repository]") {
  const auto error = ParseXml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
      "<Message>It isn&apos;t &lt;there&gt; &amp; &#228;&#x1F600;</Message><Empty/></Error>\n");
  REQUIRE(error.ok());
  REQUIRE(error->name == "Error");
  REQUIRE(error->TextOf("Code") == "NoSuchKey");
  REQUIRE(error->TextOf("Message") == "It isn't <there> & \xc3\xa4\xf0\x9f\x98\x80");
  REQUIRE(error->Find("Empty") != nullptr);
  REQUIRE(error->TextOf("Other").empty());
  const auto list = ParseXml(
      "<s3:List xmlns:s3='http://s3' a = \"b\"><s3:Contents ><Key>a</Key></s3:Contents >\n"
      "<Contents><Key>b</Key></Contents></s3:List>");
  REQUIRE(list.ok());
  REQUIRE(list->name == "List");
  REQUIRE(list->children.size() == 2);
  REQUIRE(list->children[0].TextOf("Key") == "a");
}

TEST_CASE("xml: what is escaped is read back", "[repository]") {
  const std::string text = "a<b>&\"c\"'";
  REQUIRE(ParseXml("<a>" + EscapeXml(text) + "</a>").value().text == text);
}

TEST_CASE("xml: what is not of the strict form is refused", "[repository]") {
  for (const char* text : {"",
                           " ",
                           "a",
                           "<",
                           "<a",
                           "<a>",
                           "<a></b>",
                           "<a></a",
                           "<a/><b/>",
                           "<a/>x",
                           "<a b></a>",
                           "<a b=c></a>",
                           "<a b='c></a>",
                           "<a b='<'/>",
                           "<a b='c'd='e'/>",
                           "<a>&</a>",
                           "<a>&x;</a>",
                           "<a>&#0;</a>",
                           "<a>&#xD800;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#;</a>",
                           "<a>&#1x;</a>",
                           "<a><!-- c --></a>",
                           "<a><![CDATA[x]]></a>",
                           "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                           "<a><?b?></a>",
                           "<?xml version='1.0'",
                           "<>x</>",
                           "<:/>",
                           "<a:></a:>"}) {
    CAPTURE(text);
    REQUIRE(ParseXml(text).Is(Errc::kCorruption));
  }
}

TEST_CASE("xml: depth, number of elements and length are limited", "[repository]") {
  std::string deep;
  for (int i = 0; i < 16; ++i) deep = "<a>" + deep + "</a>";
  REQUIRE(ParseXml(deep).ok());
  REQUIRE(ParseXml("<a>" + deep + "</a>").Is(Errc::kCorruption));
  std::string many;
  for (int i = 0; i < 100'001; ++i) many += "<b/>";
  REQUIRE(ParseXml("<a>" + many + "</a>").Is(Errc::kCorruption));
  REQUIRE(ParseXml("<a>" + std::string(8 << 20, 'x') + "</a>").Is(Errc::kCorruption));
}

TEST_CASE("xml: flipped and cut texts are read or refused", "[repository]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  const std::string good = "<?xml version=\"1.0\"?><L a='b'><C><K>k&amp;</K></C><T>false</T></L>";
  int read = 0;
  for (int i = 0; i < test::Rounds(20'000); ++i) {
    std::string text = good;
    for (uint64_t flips = 1 + random.Below(3); flips > 0; --flips)
      text[random.Below(text.size())] = static_cast<char>(random.Next());
    if (random.OneIn(4)) text.resize(random.Below(text.size()));
    const auto root = ParseXml(text);
    REQUIRE((root.ok() || root.Is(Errc::kCorruption)));
    read += root.ok() ? 1 : 0;
  }
  REQUIRE(read > 0);
}
