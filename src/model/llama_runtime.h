// What libllama and ggml need once per process.
#pragma once

#include <string>  // std::string

namespace kvcompress {

// Starts the back end and sends the logs of both to spdlog's debug level. May be called any number of times.
void start_llama();

// The last error that libllama logged on this thread since the call before, in one line; empty when none.
std::string take_llama_error();

}  // namespace kvcompress
