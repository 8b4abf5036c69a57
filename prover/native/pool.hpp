// A pool of threads that wait for work by spinning for a moment, then sleeping.
#pragma once

#include <cstddef>
#include <functional>

namespace avow::native {

// How many threads calls may use, the caller's included: at least 1; by default one for each core
// that the process may run on.
void set_threads(std::size_t count);
std::size_t threads();

// Runs body(begin, end) over disjoint parts of [0, count), each at least `grain` long but for the
// last; in the caller alone where there is only one part, or where another call is using the pool.
// The first exception of a part is thrown again, after every part has ended.
void parallel_for(std::size_t count, std::size_t grain,
                  const std::function<void(std::size_t, std::size_t)>& body);

// Runs body(task) for every task below `count`, spread over the threads likewise.
void parallel_tasks(std::size_t count, const std::function<void(std::size_t)>& body);

}  // namespace avow::native
