#include "bench/pseudo_text.h"

#include <array>        // std::array
#include <string_view>  // std::string_view

#include "base/random.h"  // Random

namespace kvcompress {
namespace {

using Words = std::array<std::string_view, 48>;

constexpr std::array<std::string_view, 12> kDeterminers = {"the",  "a",    "one",   "every", "this", "that",
                                                           "some", "each", "their", "our",   "his",  "her"};
constexpr Words kAdjectives = {
    "old",     "small",   "quiet",  "northern",  "careful", "broken", "early",   "distant",
    "narrow",  "bright",  "heavy",  "common",    "silver",  "wooden", "unknown", "patient",
    "curious", "empty",   "warm",   "bitter",    "gentle",  "rapid",  "hidden",  "ordinary",
    "rough",   "modern",  "golden", "southern",  "faint",   "public", "private", "central",
    "foreign", "recent",  "simple", "difficult", "grey",    "hollow", "steady",  "sudden",
    "tall",    "shallow", "famous", "regular",   "damp",    "proper", "double",  "final"};
constexpr Words kNouns = {"river",      "engine",  "teacher", "harbour", "letter",    "garden",   "machine",
                          "mountain",   "station", "village", "captain", "window",    "market",   "library",
                          "storm",      "bridge",  "doctor",  "forest",  "kitchen",   "question", "answer",
                          "map",        "road",    "number",  "island",  "winter",    "summer",   "paper",
                          "story",      "shadow",  "mirror",  "clock",   "companion", "merchant", "painting",
                          "instrument", "valley",  "signal",  "candle",  "ladder",    "railway",  "telescope",
                          "governor",   "sailor",  "orchard", "theatre", "compass",   "notebook"};
constexpr Words kVerbs = {
    "carried",  "followed",  "noticed",   "measured", "described", "repaired", "crossed",  "remembered",
    "visited",  "opened",    "sold",      "painted",  "watched",   "counted",  "reached",  "left",
    "found",    "built",     "surprised", "studied",  "repeated",  "answered", "believed", "collected",
    "avoided",  "explained", "covered",   "entered",  "examined",  "forgot",   "guarded",  "helped",
    "imagined", "joined",    "kept",      "lifted",   "observed",  "passed",   "recorded", "returned",
    "searched", "shared",    "taught",    "touched",  "trusted",   "warned",   "welcomed", "wrote"};
constexpr std::array<std::string_view, 10> kJoins = {"and then", "because", "while", "although", "before",
                                                     "after",    "but",     "until", "so that",  "where"};

template <typename List>
std::string_view pick(const List& list, Random& random) {
  return list[random.below(list.size())];
}

// Adds one clause and returns the number of its words.
int add_clause(std::string& text, Random& random) {
  int words = 0;
  const auto add = [&](std::string_view word) {
    if (!text.empty() && text.back() != ' ' && text.back() != '\n') text += ' ';
    text += word;
    words++;
  };
  const auto add_phrase = [&] {
    add(pick(kDeterminers, random));
    if (random.below(3) > 0) add(pick(kAdjectives, random));
    add(pick(kNouns, random));
  };
  add_phrase();
  add(pick(kVerbs, random));
  add_phrase();
  if (random.below(8) == 0) {
    add("in");
    add(std::to_string(1500 + random.below(500)));
  }
  return words;
}

}  // namespace

std::string pseudo_text(int64_t words, uint64_t seed) {
  Random random(seed);
  std::string text;
  for (int64_t written = 0; written < words;) {
    const size_t start = text.size();
    written += add_clause(text, random);
    for (uint64_t more = random.below(3); more > 0; more--) {
      text += ", ";
      text += pick(kJoins, random);
      written += 1 + add_clause(text, random);
    }
    const size_t first = text[start] == ' ' ? start + 1 : start;
    text[first] = static_cast<char>(text[first] - 'a' + 'A');
    text += random.below(6) == 0 ? ".\n\n" : ".";
  }
  return text;
}

std::vector<int32_t> pseudo_tokens(const Vocabulary& vocabulary, int64_t count, uint64_t seed) {
  std::vector<int32_t> tokens;
  // A word is rarely less than a token; the loop is for vocabularies where it is.
  for (int64_t words = count + 16; static_cast<int64_t>(tokens.size()) < count; words *= 2) {
    tokens = vocabulary.tokenize(pseudo_text(words, seed), /*add_special=*/true, /*parse_special=*/false);
  }
  tokens.resize(static_cast<size_t>(count));
  return tokens;
}

}  // namespace kvcompress
