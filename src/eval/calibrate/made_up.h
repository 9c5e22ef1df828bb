// Made-up facts and records, the same for the same seed: what the texts of a calibration lack.
#pragma once

#include <string>  // std::string

#include "base/random.h"  // Random

namespace kvcompress {

std::string made_up_name(Random& random);       // "Miriam"
std::string made_up_adjective(Random& random);  // "amber"
std::string made_up_noun(Random& random);       // "lantern"
std::string made_up_number(Random& random, int digits);

// A list of at least `bytes` characters: a heading and lines of one form (keys and numbers, facts about
// people, JSON, tables, logs), chosen by the seed.
std::string made_up_records(uint64_t seed, size_t bytes);

}  // namespace kvcompress
