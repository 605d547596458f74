#include "skills/bundle_manifest.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/limits.h"

namespace skillscale {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "skillscale-bundle";
constexpr int kFormatVersion = 1;

Error refusal(const std::string& why) { return {ErrorCode::invalid_config, "the bundle's manifest " + why}; }

bool is_text(const Json& object, const char* key) { return object.contains(key) && object[key].is_string(); }

std::string text_at(const Json& object, const char* key) { return object[key].get<std::string>(); }

Result<HashedFile> parse_file(const Json& entry) {
  const bool complete = entry.is_object() && is_text(entry, "path") && is_text(entry, "sha256") &&
                        entry.contains("bytes") && entry["bytes"].is_number_unsigned() &&
                        entry.contains("executable") && entry["executable"].is_boolean();
  if (!complete) return refusal("has a file without path, sha256, bytes or executable");
  HashedFile file;
  file.file.path = text_at(entry, "path");
  file.file.bytes = entry["bytes"].get<std::uint64_t>();
  file.file.executable = entry["executable"].get<bool>();
  file.sha256 = text_at(entry, "sha256");
  return file;
}

}  // namespace

std::string encode_bundle_manifest(const BundleManifest& manifest) {
  Json files = Json::array();
  for (const HashedFile& file : manifest.files) {
    files.push_back({{"path", file.file.path},
                     {"bytes", file.file.bytes},
                     {"executable", file.file.executable},
                     {"sha256", file.sha256}});
  }
  const Json json{{"format", kFormat},           {"format_version", kFormatVersion}, {"name", manifest.name},
                  {"version", manifest.version}, {"digest", manifest.digest},        {"files", std::move(files)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<BundleManifest> parse_bundle_manifest(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !is_text(json, "format") || text_at(json, "format") != kFormat) {
    return refusal("is not the JSON of one");
  }
  if (!json.contains("format_version") || json["format_version"] != kFormatVersion) {
    return refusal("has a version that this program does not know");
  }
  if (!is_text(json, "name") || !is_text(json, "version") || !is_text(json, "digest") || !json.contains("files") ||
      !json["files"].is_array()) {
    return refusal("has no name, version, digest or files");
  }
  BundleManifest manifest{text_at(json, "name"), text_at(json, "version"), text_at(json, "digest"), {}};
  if (json["files"].size() > limits::kSkillFilesMax) return refusal("names too many files");
  for (const Json& entry : json["files"]) {
    auto file = parse_file(entry);
    if (!file) return std::move(file).error();
    manifest.files.push_back(std::move(*file));
  }
  return manifest;
}

}  // namespace skillscale
