# Third-party libraries, each at least at the version of Debian 12 (scripts/install-deps.sh installs them).
find_package(Threads REQUIRED)
if(KVC_KERNELS_ONLY)
  include(cross_headers)
else()
  find_package(fmt 9.1 REQUIRED)
  find_package(spdlog 1.10 REQUIRED)
  find_package(nlohmann_json 3.11 REQUIRED)
  find_package(yaml-cpp 0.7 REQUIRED)
  find_package(CLI11 2.1 REQUIRED)
  find_package(Eigen3 3.4 REQUIRED NO_MODULE)  # headers only
endif()
include(llama)
