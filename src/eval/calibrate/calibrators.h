// Makers of the kinds, one file each.
#pragma once

#include <memory>  // std::unique_ptr

#include "eval/calibrate/calibrator.h"  // Calibrator

namespace kvcompress {

std::unique_ptr<Calibrator> make_duo_calibrator();
std::unique_ptr<Calibrator> make_gate_calibrator();
std::unique_ptr<Calibrator> make_head_importance_calibrator();
std::unique_ptr<Calibrator> make_query_statistics_calibrator();
std::unique_ptr<Calibrator> make_rank_calibrator();
std::unique_ptr<Calibrator> make_second_moments_calibrator();

}  // namespace kvcompress
