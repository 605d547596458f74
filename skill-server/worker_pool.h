// The threads that run skills. Work crosses to them and back over bounded queues.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/bounded_queue.h"
#include "engine/executor.h"
#include "engine/kill_ladder.h"
#include "engine/warm_runners.h"
#include "os/run_observer.h"
#include "os/wakeup.h"
#include "skill-server/runs.h"

namespace skillscale {

// Owned by one thread, which calls everything here. The threads ("worker-N") live as long as
// the pool, so they outlive the children that they start.
class WorkerPool {
 public:
  struct Finished {
    RunId run = 0;
    Reply reply;
  };

  // `executor`, `ladder` (nullptr: none) and `warm` (nullptr: every run starts cold) must outlive the pool.
  WorkerPool(std::size_t workers, const Executor& executor, const KillLadder* ladder, WarmShared* warm = nullptr);
  ~WorkerPool();  // Stops what still runs and waits for it.
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Needs a free worker: at most `workers` runs at once, or it aborts. The observer, if there is one, is called
  // on the worker's thread.
  void start(Execute job, std::shared_ptr<RunObserver> observer = nullptr);
  // Stops a run: it still ends with a reply. Does nothing for a run that is not here.
  void cancel(RunId run);
  int results_fd() const noexcept { return results_ready_.fd(); }  // Readable when a run has ended.
  std::vector<Finished> take_finished();

 private:
  // A slot is the place of one run; which thread does the run does not matter.
  struct Job {
    Execute execute;
    std::size_t slot = 0;
    std::shared_ptr<RunObserver> observer;  // Shared with whoever asked for it.
  };
  struct Result {
    Finished finished;
    std::size_t slot = 0;
  };

  void work(std::size_t number);

  const Executor& executor_;
  const KillLadder* const ladder_;
  WarmShared* const warm_;
  std::vector<std::unique_ptr<Wakeup>> cancels_;  // By slot.
  std::vector<std::size_t> free_slots_;
  std::unordered_map<RunId, std::size_t> slot_of_;
  BoundedQueue<Job> jobs_;
  BoundedQueue<Result> results_;
  Wakeup results_ready_;
  std::vector<std::jthread> threads_;
};

}  // namespace skillscale
