// The architectures of this build. A new one: its file in this folder, its line here and its line in the
// table of architecture.cc.
#pragma once

#include <memory>  // std::unique_ptr

#include "model/architecture.h"  // Architecture

namespace kvcompress {

using MakeArchitecture = std::unique_ptr<Architecture>(const ModelFile& file, Linear& linear,
                                                       ThreadPool& pool);

MakeArchitecture make_gemma3;
MakeArchitecture make_gptneox;
MakeArchitecture make_llama;
MakeArchitecture make_qwen2;
MakeArchitecture make_qwen3;

}  // namespace kvcompress
