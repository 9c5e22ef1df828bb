#include "eval/calibrate/made_up.h"

#include <fmt/format.h>  // fmt::format

#include <array>        // std::array
#include <string_view>  // std::string_view

namespace kvcompress {
namespace {

constexpr std::array<std::string_view, 32> kNames = {
    "Miriam", "Oskar", "Tamsin", "Henrik", "Leila",  "Bruno", "Agnes",  "Kofi",  "Ingrid", "Mateo", "Priya",
    "Anton",  "Freya", "Samuel", "Noor",   "Viktor", "Clara", "Dmitri", "Yuki",  "Hazel",  "Omar",  "Greta",
    "Felix",  "Ruth",  "Jonas",  "Amara",  "Piotr",  "Edith", "Rafael", "Selma", "Tobias", "Wanda"};

constexpr std::array<std::string_view, 48> kAdjectives = {
    "amber",  "quiet",   "narrow",  "ancient", "copper",  "gentle", "hollow", "silver", "northern", "crooked",
    "velvet", "frozen",  "scarlet", "humble",  "distant", "wooden", "rapid",  "golden", "dusty",    "broken",
    "clever", "emerald", "faded",   "heavy",   "ivory",   "jagged", "lonely", "marble", "noble",    "orange",
    "pale",   "rusty",   "salty",   "tiny",    "upper",   "violet", "windy",  "young",  "bitter",   "coastal",
    "double", "early",   "fierce",  "grassy",  "hidden",  "inner",  "jolly",  "level"};

constexpr std::array<std::string_view, 48> kNouns = {
    "lantern", "harbour", "orchard", "kettle", "bridge", "compass", "meadow", "violin", "tower",  "basket",
    "glacier", "piano",   "cottage", "anchor", "ladder", "window",  "garden", "hammer", "island", "jacket",
    "kitchen", "library", "mirror",  "needle", "oven",   "pillow",  "quarry", "river",  "saddle", "temple",
    "engine",  "valley",  "wagon",   "barrel", "candle", "desert",  "eagle",  "forest", "goblet", "helmet",
    "ink",     "jewel",   "kite",    "lemon",  "mill",   "nest",    "onion",  "parcel"};

template <size_t size>
std::string one_of(const std::array<std::string_view, size>& words, Random& random) {
  return std::string(words[random.below(size)]);
}

std::string key(Random& random, char joint) {
  return made_up_adjective(random) + joint + made_up_noun(random);
}

constexpr int kForms = 8;

std::string heading(uint64_t form) {
  constexpr std::array<std::string_view, kForms> kHeadings = {
      "Inventory of the storehouse, item by item:\n\n",
      "What is known about the people of the village:\n\n",
      "{\n",
      "id,owner,object,amount\n",
      "Log of the station:\n\n",
      "The following entries must be remembered, each name with its value.\n\n",
      "Telephone directory\n\n",
      "| code | place | keeper |\n|---|---|---|\n"};
  return std::string(kHeadings[form]);
}

std::string line(uint64_t form, Random& random) {
  const auto number = [&](int digits) { return made_up_number(random, digits); };
  switch (form) {
    case 0:
      return fmt::format("- {}: {} pieces\n", key(random, ' '), number(4));
    case 1:
      return fmt::format("{} of the {} {} has the number {}.\n", made_up_name(random),
                         made_up_adjective(random), made_up_noun(random), number(5));
    case 2:
      return fmt::format("  \"{}\": \"{}\",\n", key(random, '_'), number(8));
    case 3:
      return fmt::format("{},{},{},{}\n", number(6), made_up_name(random), key(random, ' '), number(3));
    case 4:
      return fmt::format("[{:02}:{:02}:{:02}] {} {} code={}\n", random.below(24), random.below(60),
                         random.below(60), made_up_noun(random), made_up_adjective(random), number(5));
    case 5:
      return fmt::format("entry {} holds the value <{}>\n", key(random, '-'), number(5));
    case 6:
      return fmt::format("{} {}, {}-{}\n", made_up_name(random), made_up_noun(random), number(3), number(4));
    default:
      return fmt::format("| {} | {} | {} |\n", number(5), key(random, ' '), made_up_name(random));
  }
}

}  // namespace

std::string made_up_name(Random& random) { return one_of(kNames, random); }
std::string made_up_adjective(Random& random) { return one_of(kAdjectives, random); }
std::string made_up_noun(Random& random) { return one_of(kNouns, random); }

std::string made_up_number(Random& random, int digits) {
  std::string number(1, static_cast<char>('1' + random.below(9)));
  while (static_cast<int>(number.size()) < digits) number += static_cast<char>('0' + random.below(10));
  return number;
}

std::string made_up_records(uint64_t seed, size_t bytes) {
  Random random(seed, /*stream=*/0x7265636f);
  const uint64_t form = seed % kForms;
  std::string text = heading(form);
  while (text.size() < bytes) text += line(form, random);
  return text;
}

}  // namespace kvcompress
