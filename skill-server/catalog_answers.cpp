#include "skill-server/catalog_answers.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/utf8.h"
#include "protocol/base64.h"
#include "skills/skill_file.h"

namespace skillscale {
namespace {

Result<std::string> read_answer(const Skill& skill, const std::string& path) {
  auto content = read_skill_file(skill.folder, path);
  if (!content) return std::move(content).error();
  nlohmann::json answer = {{"skill", skill.name}, {"path", path}, {"size", content->size()}};
  if (is_valid_utf8(*content)) {
    answer["text"] = std::move(*content);
  } else {
    answer["content_base64"] = encode_base64(*content);
  }
  return text_of(answer);
}

}  // namespace

Result<std::string> answer_question(const CatalogRequest& request, const CatalogueSnapshot& snapshot,
                                    const BreakerStates& breakers) {
  if (request.op == CatalogRequest::Op::list) return text_of(list_of(snapshot, breakers));
  const SkillPtr skill = snapshot.catalogue.find(request.skill);
  if (!skill) return Error{ErrorCode::unknown_skill, unknown_skill_text(snapshot.catalogue, request.skill)};
  if (request.op == CatalogRequest::Op::show) return text_of(details_of(*skill, snapshot, breakers));
  return read_answer(*skill, request.path);
}

}  // namespace skillscale
