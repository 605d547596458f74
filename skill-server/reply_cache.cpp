#include "skill-server/reply_cache.h"

#include <utility>

namespace skillscale {
namespace {

// Maps, list nodes and the small strings of one entry, so that many empty replies are not free.
constexpr std::size_t kEntryOverheadBytes = 1024;
// Repeats of one key from ever new requests; the cached reply answers the others by its key alone.
constexpr std::size_t kRequestsPerReplyMax = 64;

std::size_t size_of(const RequestName& request) {
  return request.topic.size() + request.group.size() + request.address.reply_to.size() +
         request.address.request_id.size();
}

std::size_t size_of(const ReplyCache::Stored& stored) {
  std::size_t bytes = kEntryOverheadBytes + stored.idempotency_name.size() + stored.idempotency_key.size() +
                      stored.reply->content.size() + stored.reply->error.size() + stored.reply->stderr_tail.size();
  bytes += stored.reply->outputs_json.size();
  for (const Artifact& artifact : stored.reply->artifacts) {
    bytes += kEntryOverheadBytes + artifact.path.size() + artifact.content.size();
  }
  for (const std::string& warning : stored.reply->warnings) bytes += warning.size();
  for (const RequestName& request : stored.requests) bytes += 2 * size_of(request);
  return bytes;
}

}  // namespace

std::string joined_key(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const std::string_view part : parts) {
    key += std::to_string(part.size());
    key += ':';
    key += part;
  }
  return key;
}

void ReplyCache::store(Stored stored, SteadyTime now) {
  const std::size_t bytes = size_of(stored);
  if (bytes > bytes_max_) return;
  for (const RequestName& request : stored.requests) {
    if (const auto old = by_request_.find(request.key()); old != by_request_.end()) remove(old->second);
  }
  if (const auto old = by_idempotency_.find(stored.idempotency_name); old != by_idempotency_.end()) {
    remove(old->second);
  }
  while (bytes_ + bytes > bytes_max_) remove(entries_.begin());

  const Position position =
      entries_.insert(entries_.end(), Entry{.stored = std::move(stored), .since = now, .bytes = bytes});
  bytes_ += bytes;
  for (const RequestName& request : position->stored.requests) by_request_[request.key()] = position;
  if (!position->stored.idempotency_name.empty()) by_idempotency_[position->stored.idempotency_name] = position;
}

const ReplyCache::Stored* ReplyCache::find(Index& index, const std::string& name, SteadyTime now) {
  const auto found = index.find(name);
  if (found == index.end()) return nullptr;
  const Position position = found->second;
  if (now - position->since > time_max_) {
    remove(position);
    return nullptr;
  }
  return &position->stored;
}

const ReplyCache::Stored* ReplyCache::find_request(const std::string& request_key, SteadyTime now) {
  return find(by_request_, request_key, now);
}

const ReplyCache::Stored* ReplyCache::find_idempotency(const std::string& idempotency_name, SteadyTime now) {
  return idempotency_name.empty() ? nullptr : find(by_idempotency_, idempotency_name, now);
}

void ReplyCache::add_request(const std::string& idempotency_name, RequestName request) {
  const auto found = by_idempotency_.find(idempotency_name);
  if (found == by_idempotency_.end() || found->second->stored.requests.size() >= kRequestsPerReplyMax) return;
  const Position position = found->second;
  if (!by_request_.emplace(request.key(), position).second) return;
  const std::size_t bytes = 2 * size_of(request);
  position->stored.requests.push_back(std::move(request));
  position->bytes += bytes;
  bytes_ += bytes;
  while (bytes_ > bytes_max_) remove(entries_.begin());
}

void ReplyCache::expire(SteadyTime now) {
  while (!entries_.empty() && now - entries_.front().since > time_max_) remove(entries_.begin());
}

void ReplyCache::remove(Position position) {
  for (const RequestName& request : position->stored.requests) by_request_.erase(request.key());
  if (!position->stored.idempotency_name.empty()) by_idempotency_.erase(position->stored.idempotency_name);
  bytes_ -= position->bytes;
  entries_.erase(position);
}

}  // namespace skillscale
