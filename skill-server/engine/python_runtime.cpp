#include "engine/python_runtime.h"

#include <utility>

#include "engine/python_sources.h"
#include "protocol/json_writer.h"

namespace skillscale {
namespace {

const char* dialect_name(FunctionEntry::Dialect dialect) {
  switch (dialect) {
    case FunctionEntry::Dialect::open_skills:
      return "open_skills";
    case FunctionEntry::Dialect::skillet:
      return "skillet";
    case FunctionEntry::Dialect::skillos:
      return "skillos";
  }
  return "";
}

std::string fields_json(const std::vector<Field>& fields) {
  std::string json = "[";
  for (const Field& field : fields) {
    JsonObjectWriter object;
    object.text("name", field.name);
    if (field.default_json) object.raw("default", *field.default_json);
    json += (json.size() > 1 ? "," : "") + object.take();
  }
  return json + "]";
}

}  // namespace

Result<PythonRuntime> PythonRuntime::create(const std::string& parent) {
  auto folder = RunFolder::create_bare(parent, "skillscale-python-XXXXXX");
  if (!folder) return std::move(folder).error();
  PythonRuntime runtime(std::move(*folder));
  for (const PythonSource& source : python_sources()) {
    if (auto written = runtime.folder_.write_file(std::string(source.name), source.text); !written) {
      return std::move(written).error();
    }
  }
  return runtime;
}

std::optional<std::string> function_input(const Intent& intent) {
  if (intent.input_json) return intent.input_json;
  if (intent.structured) return intent.body;
  return std::nullopt;
}

std::string function_call_json(const RunWork& work) {
  const FunctionEntry& entry = *work.skill->function;
  JsonObjectWriter call;
  call.text("dialect", dialect_name(entry.dialect)).text("folder", work.skill->folder.native());
  if (!entry.file.empty()) call.text("file", entry.file);
  call.text("module", entry.module).text("function", entry.function);
  call.raw("inputs", fields_json(work.skill->inputs));
  if (const auto input = function_input(work.intent)) call.raw("input", *input);
  return call.text("text", work.intent.stdin_data).take();
}

}  // namespace skillscale
