find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)

add_library(kvc_llama INTERFACE)
set(_llama "${KVC_LLAMA_DIR}")
target_include_directories(kvc_llama SYSTEM INTERFACE ${_llama}/src/include ${_llama}/src/ggml/include)
target_link_libraries(kvc_llama INTERFACE ${_llama}/build/src/libllama.a ${_llama}/build/ggml/src/libggml.a
  ${_llama}/build/ggml/src/libggml-cpu.a ${_llama}/build/ggml/src/libggml-base.a Threads::Threads ${CMAKE_DL_LIBS} m)
