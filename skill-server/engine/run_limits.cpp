#include "engine/run_limits.h"

namespace skillscale {

RunLimits limits_for(const RunBounds& bounds, std::chrono::milliseconds kill_grace, const std::string& folder) {
  const RunMaxima& maxima = bounds.maxima;
  RunLimits limits{.timeout = bounds.timeout,
                   .kill_grace = kill_grace,
                   .drain_grace = limits::kPipeDrainGrace,
                   .stdout_bytes_max = maxima.output_bytes,
                   .stderr_bytes_max = maxima.output_bytes,
                   .flood_bytes_max = bounds.flood_bytes_max,
                   .result_bytes_max = limits::kResultBytesMax};
  limits.tree_memory_bytes_max = maxima.memory_bytes;
  limits.processes_max = maxima.processes;
  limits.folder_bytes_max = maxima.folder_bytes;
  limits.folder_files_max = maxima.files;
  limits.folder = folder;
  return limits;
}

ResourceLimits resource_limits(const RunMaxima& maxima) {
  ResourceLimits limits;
  limits.open_files = limits::kRunOpenFilesMax;
  if (maxima.memory_bytes != 0) limits.memory_bytes = maxima.memory_bytes;
  if (maxima.cpu.count() != 0) limits.cpu = maxima.cpu;
  if (maxima.folder_bytes != 0) limits.file_bytes = maxima.folder_bytes;
  return limits;
}

}  // namespace skillscale
