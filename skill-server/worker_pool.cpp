#include "skill-server/worker_pool.h"

#include <pthread.h>

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "engine/credentials.h"

namespace skillscale {

WorkerPool::WorkerPool(std::size_t workers, const Executor& executor, const KillLadder* ladder, WarmShared* warm)
    : executor_(executor), ladder_(ladder), warm_(warm), jobs_(workers), results_(workers) {
  for (std::size_t slot = 0; slot < workers; ++slot) {
    cancels_.push_back(std::make_unique<Wakeup>());
    free_slots_.push_back(slot);
  }
  threads_.reserve(workers);
  for (std::size_t number = 0; number < workers; ++number) {
    std::jthread& thread = threads_.emplace_back([this, number] { work(number); });
    pthread_setname_np(thread.native_handle(), ("worker-" + std::to_string(number)).c_str());
  }
}

WorkerPool::~WorkerPool() {
  for (const auto& [run, slot] : slot_of_) cancels_[slot]->notify();
  jobs_.close();
}

void WorkerPool::start(Execute job, std::shared_ptr<RunObserver> observer) {
  SK_CHECK(!free_slots_.empty());
  const std::size_t slot = free_slots_.back();
  free_slots_.pop_back();
  slot_of_.emplace(job.run, slot);
  Job item{.execute = std::move(job), .slot = slot, .observer = std::move(observer)};
  SK_CHECK(jobs_.try_push(item));
}

void WorkerPool::cancel(RunId run) {
  const auto found = slot_of_.find(run);
  if (found != slot_of_.end()) cancels_[found->second]->notify();
}

std::vector<WorkerPool::Finished> WorkerPool::take_finished() {
  results_ready_.clear();
  std::vector<Finished> finished;
  while (auto result = results_.try_pop()) {
    cancels_[result->slot]->clear();
    free_slots_.push_back(result->slot);
    slot_of_.erase(result->finished.run);
    finished.push_back(std::move(result->finished));
  }
  return finished;
}

void WorkerPool::work(std::size_t number) {
  const WorkerLeash hold = ladder_ == nullptr ? WorkerLeash() : ladder_->leash_for(number);
  std::optional<WarmRunners> warm;
  if (warm_ != nullptr) warm.emplace(warm_->settings, warm_->clock, warm_->counters);
  while (auto job = jobs_.pop()) {
    std::optional<RunFolder> used;  // Removed once the reply is on its way.
    Result result{.finished = {.run = job->execute.run, .reply = {}}, .slot = job->slot};
    try {
      const Execute& execute = job->execute;
      result.finished.reply = executor_.execute(execute.work, execute.timeout, cancels_[job->slot]->fd(),
                                                {.observer = job->observer.get(),
                                                 .warm = warm ? &*warm : nullptr,
                                                 .leash = ladder_ == nullptr ? nullptr : &hold.leash(),
                                                 .used = &used});
      result.finished.reply.timing_ms.queued = std::chrono::duration<double, std::milli>(execute.queued).count();
    } catch (const std::exception& error) {
      const std::string& id = job->execute.work.intent.address.request_id;
      result.finished.reply = Reply::failure(id, ErrorCode::internal, error.what());
    }
    wipe_variables(job->execute.work.intent);
    job.reset();  // An intent can be large: its memory goes before the worker rests.
    SK_CHECK(results_.try_push(result));
    results_ready_.notify();
  }
}

}  // namespace skillscale
