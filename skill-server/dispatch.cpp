#include "skill-server/dispatch.h"

namespace skillscale {
namespace {

constexpr std::size_t kMember = 0;
constexpr std::size_t kPayload = 1;
constexpr std::size_t kToken = 2;
constexpr std::size_t kFacts = 3;

Dispatch::Kind kind_of(std::string_view payload) {
  if (!payload.starts_with('@')) return Dispatch::Kind::intent;
  if (payload == kGoFrame) return Dispatch::Kind::go;
  if (payload == kCancelFrame) return Dispatch::Kind::cancel;
  if (parse_who(payload)) return Dispatch::Kind::who;
  return Dispatch::Kind::malformed;
}

}  // namespace

Dispatch read_dispatch(const Frames& frames) {
  Dispatch dispatch;
  const std::size_t count = frames.parts.size();
  dispatch.member = frames.view(kMember);
  if (count > kPayload) dispatch.payload = frames.view(kPayload);
  if (count > kToken && frames.view(kToken).size() == Token::kBytes) dispatch.token = std::string(frames.view(kToken));
  if (frames.excess > 0 || count <= kToken) {
    dispatch.problem = "a dispatch has three or four frames";
    return dispatch;
  }
  if (dispatch.token.empty()) {
    dispatch.problem = "the token has a wrong length";
    return dispatch;
  }
  dispatch.kind = kind_of(dispatch.payload);
  if (dispatch.kind == Dispatch::Kind::malformed) dispatch.problem = "unknown control frame";
  if (count <= kFacts) return dispatch;
  const auto facts = parse_delivery_facts(frames.view(kFacts));
  if (facts) {
    dispatch.facts = *facts;
    if (facts->catalog && dispatch.kind == Dispatch::Kind::intent) dispatch.kind = Dispatch::Kind::question;
  } else {
    dispatch.problem = "the delivery facts cannot be read";
  }
  return dispatch;
}

}  // namespace skillscale
