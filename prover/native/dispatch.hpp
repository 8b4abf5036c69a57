// Which instructions the core uses: chosen once from what the processor has.
#pragma once

#include <string>
#include <vector>

namespace avow::native {

// In the order of preference; every backend gives the same field elements.
enum class Backend { portable = 0, mulx = 1, ifma = 2 };

// The backends that this processor and this build can run, slowest first; never empty.
std::vector<Backend> available_backends();

// The one in use. What was made under another one keeps its own.
Backend backend();

// Throws std::invalid_argument where the name is unknown or cannot run here.
void set_backend(const std::string& name);

const char* backend_name(Backend backend);

}  // namespace avow::native
