#include "protocol/catalog.h"

#include <array>
#include <utility>

#include "base/limits.h"
#include "protocol/json_fields.h"
#include "protocol/json_writer.h"
#include "protocol/topic.h"

namespace skillscale {
namespace {

constexpr std::string_view kNews = "@c";
constexpr std::int64_t kSkillsCountMax = 1'000'000'000;
constexpr auto kRequestFields = std::to_array<std::string_view>({"request_id", "reply_to", "catalog"});
constexpr auto kCatalogFields = std::to_array<std::string_view>({"op", "skill", "path"});
constexpr auto kNewsFields = std::to_array<std::string_view>({"member", "server", "digest", "skills"});

constexpr std::string_view name_of_op(CatalogRequest::Op op) {
  switch (op) {
    case CatalogRequest::Op::list:
      return "list";
    case CatalogRequest::Op::show:
      return "show";
    case CatalogRequest::Op::read:
      break;
  }
  return "read";
}

// Refuses in `fields` what is wrong.
void take_question(JsonFields& fields, CatalogRequest& request) {
  const std::string op = fields.text("op");
  if (op == "list") {
    request.op = CatalogRequest::Op::list;
  } else if (op == "show") {
    request.op = CatalogRequest::Op::show;
  } else if (op == "read") {
    request.op = CatalogRequest::Op::read;
  } else {
    JsonValue* given = fields.find("op");
    fields.refuse("op", given == nullptr ? "not given" : describe(*given), "\"list\", \"show\" or \"read\"");
  }
  request.skill = fields.text_without_nul("skill");
  request.path = fields.text_without_nul("path");
  if (request.op != CatalogRequest::Op::list && request.skill.empty()) {
    fields.refuse("skill", "not given", "the name of a skill");
  }
  if (request.op == CatalogRequest::Op::read && request.path.empty()) {
    fields.refuse("path", "not given", "a file of the skill, as references/guide.md");
  }
}

}  // namespace

std::string catalog_name(std::string_view topic) { return std::string(kCatalogPrefix).append(topic); }

std::optional<std::string_view> topic_of_catalog(std::string_view name) noexcept {
  if (!name.starts_with(kCatalogPrefix)) return std::nullopt;
  name.remove_prefix(kCatalogPrefix.size());
  if (!is_topic(name)) return std::nullopt;
  return name;
}

std::string encode_catalog_request(const CatalogRequest& request) {
  JsonObjectWriter question;
  question.text("op", name_of_op(request.op));
  if (!request.skill.empty()) question.text("skill", request.skill);
  if (!request.path.empty()) question.text("path", request.path);
  JsonObjectWriter out;
  out.text("request_id", request.address.request_id).text("reply_to", request.address.reply_to);
  return out.raw("catalog", question.take()).take();
}

Result<CatalogRequest> decode_catalog_request(std::string_view bytes) {
  auto fields = JsonFields::read(bytes, kRequestFields);
  if (!fields) return std::move(fields).error();
  CatalogRequest request;
  request.address = fields->address();
  const JsonValue* catalog = fields->find("catalog");
  if (catalog == nullptr || catalog->kind != JsonValue::Kind::object) {
    fields->refuse("catalog", catalog == nullptr ? "not given" : describe(*catalog), R"(an object, as {"op":"list"})");
  } else {
    auto question = JsonFields::read(catalog->raw, kCatalogFields, "catalog.");
    if (!question) return std::move(question).error();
    take_question(*question, request);
    if (question->error()) fields->refuse(*question->error());
  }
  if (fields->error()) return *fields->error();
  return request;
}

std::string encode_catalog_news(const CatalogNews& news) {
  JsonObjectWriter out;
  out.text("member", news.member).text("server", news.server).text("digest", news.digest);
  return std::string(kNews) + out.integer("skills", static_cast<std::int64_t>(news.skills)).take();
}

std::optional<CatalogNews> parse_catalog_news(std::string_view bytes) {
  if (bytes.size() > limits::kCatalogNewsBytesMax || !bytes.starts_with(kNews)) return std::nullopt;
  auto fields = JsonFields::read(bytes.substr(kNews.size()), kNewsFields);
  if (!fields) return std::nullopt;
  CatalogNews news{fields->text("member"), fields->id("server"), fields->id("digest"), 0};
  const auto skills = fields->integer("skills", 0, kSkillsCountMax);
  if (fields->error() || !skills || news.server.empty() || news.digest.empty() || !parse_member_name(news.member)) {
    return std::nullopt;
  }
  news.skills = static_cast<std::uint64_t>(*skills);
  return news;
}

std::string encode_catalog_announcement(const CatalogNews& news) {
  JsonObjectWriter out;
  out.text("server", news.server).text("digest", news.digest);
  return out.integer("skills", static_cast<std::int64_t>(news.skills)).take();
}

}  // namespace skillscale
