// Speed figures as the `bench` object of interface, and as tables for people.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "bench/machine_facts.h"  // MachineFacts, BuildFacts
#include "bench/speed.h"          // SpeedResult
#include "eval/receipt_json.h"    // Json

namespace kvcompress {

Json speed_json(const Engine& engine, const MachineFacts& machine, const SpeedSettings& settings,
                const std::vector<SpeedResult>& results);

std::string speed_table(const std::vector<SpeedResult>& results);

// Where the time of reading and of decoding goes: dense products, attention, compression, the rest;
// milliseconds, GFLOP/s and share of the machine's measured peak.
std::string time_table(const MachineFacts& machine, const std::vector<SpeedResult>& results);

}  // namespace kvcompress
