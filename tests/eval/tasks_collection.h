// A small collection of evaluation data in the shapes the tasks read, written into a fresh folder; and a
// tokenizer's counts without a model.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cctype>      // std::isalnum
#include <filesystem>  // std::filesystem::create_directories
#include <fstream>     // std::ofstream
#include <set>         // std::set
#include <string>      // std::string

#include "base/random.h"      // Random
#include "eval/tasks/task.h"  // TaskSample
#include "support/fixtures.h"

namespace kvcompress::test {

// A token for each six letters of a word, each digit and each other character but spaces.
inline int64_t count_tokens(std::string_view text) {
  int64_t tokens = 0, letters = 0;
  for (const char c : text) {
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    letters = letter ? letters + 1 : 0;
    if (letter ? letters % 6 == 1 : c != ' ') tokens++;
  }
  return tokens;
}

inline int64_t occurrences(std::string_view text, std::string_view part) {
  int64_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) found++;
  return found;
}

inline std::string invented_word(Random& random) {
  std::string word;
  for (int i = 0; i < 3; i++) {
    word += "bdfglmnprst"[random.below(11)];
    word += "aeiou"[random.below(5)];
  }
  return word;
}

class TaskCollection {
 public:
  TaskCollection() {
    write_needles();
    write_ruler();
    write_retrieval();
    write_babilong();
    write_icl();
    write_rest();
  }

  std::string root() const { return folder_.path().string(); }
  std::string file(const std::string& name) const { return folder_.file(name); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(file(name)).parent_path());
    std::ofstream(file(name), std::ios::binary) << text;
  }
  TaskSettings settings(int64_t length = 0, int64_t limit = 0) const {
    TaskSettings result;
    result.data = root();
    result.length = length;
    result.limit = limit;
    result.seed = 7;
    return result;
  }

 private:
  std::string invented(int count, std::string_view separator, std::string_view stop) {
    std::string text;
    for (int i = 1; i <= count; i++) {
      text += invented_word(random_);
      text += i % 9 == 0 ? stop : separator;
    }
    return text;
  }

  void write_needles() {
    write("needle/PaulGrahamEssays/b.txt", invented(1500, " ", ". ") + "\n");
    write("needle/PaulGrahamEssays/a.txt", "The very first words. " + invented(1500, " ", ".\n\n"));
    std::string list;
    for (int i = 0; i < 6; i++) {
      list += fmt::format(
          "{{\"id\": \"simple_{0}\", \"needles\": [\" The code of gate {0} is 48{0}71. \"], \"question\": "
          "\"What is the code of gate {0}?\", \"answer\": \"48{0}71\", \"keywords\": [\"48{0}71\"], "
          "\"completion_prompt\": \"The code of gate {0} is\"}},\n",
          i);
    }
    write("needle/needles.json",
          fmt::format("[{}{}]", list,
                      R"({"id": "pizza", "needles": [" Figs are secret. ", " Ham is secret. "],
                          "question": "Which are secret?", "answer": "Figs and ham", "keywords": ["figs", "ham"]})"));
  }

  void write_ruler() {
    for (const char* name : {"nounlist", "adjectivelist", "verblist"}) {
      std::set<std::string> words;
      while (words.size() < 150) words.insert(invented_word(random_));
      std::string text = "two words\nUPPER\nwet \n";
      for (const std::string& word : words) text += word + "\n";
      write(fmt::format("ruler/words/{}.txt", name), text);
    }
    std::string documents;
    for (int i = 0; i < 80; i++) {
      documents += fmt::format(
          "{{\"question\": \"who is number {0}\", \"answers\": [\"Person{0}X\", \"P. {0}\"], \"ctxs\": "
          "[{{\"title\": \"T\", \"text\": \"Person{0}X. {1}\"}}]}}\n",
          i, invented(10 + i % 30, " ", ". "));
    }
    write("ruler/nq_open_oracle.jsonl", documents);
    write(
        "ruler/generated/vt.jsonl",
        R"({"index": 0, "task": "vt", "input": "Memorize.\n\nVAR A = 5\nQuestion: Find. Answer: they are: ", "outputs": ["AB", "CD"]})"
        "\n");
    write("ruler/generated/niah_single_1.jsonl",
          R"({"index": 0, "input": "Header.\nkey is: 77.\nlast\nWhat is key? The key is", "outputs": ["77"]})"
          "\n");
  }

  void write_retrieval() {
    std::string records;
    for (int r = 0; r < 3; r++) {
      std::string lines;
      for (int i = 0; i < 40; i++) {
        lines += fmt::format("line {}-{}: REGISTER_CONTENT is <{}>\\n", invented_word(random_), i,
                             1000 + 40 * r + i);
      }
      records += fmt::format(
          "{{\"random_idx\": [\"x\", 1], \"expected_number\": 5, \"num_lines\": 40, \"prompt\": \"Below is a "
          "record.\\n\\n{}\\nNow the record is over. \"}}\n",
          lines);
    }
    write("retrieval/longeval_lines_200.jsonl", records);
    std::string pairs;
    for (int i = 0; i < 30; i++)
      pairs += fmt::format("{}[\"key-{}\", \"value-{}\"]", i > 0 ? ", " : "", i, i);
    write("retrieval/kv_75_keys.jsonl",
          fmt::format("{{\"ordered_kv_records\": [{}], \"key\": \"key-1\"}}\n", pairs));
    write(
        "retrieval/prompts.json",
        R"({"kv_retrieval": "JSON data:\n{formatted_kv_records}\n\nKey: \"{key}\"\nCorresponding value:\n"})");
  }

  void write_babilong() {
    write(
        "babilong/prompts.json",
        R"({"template": "{instruction}\n\n{examples}\n\n{post_prompt}\n\n<context>\n{context}\n</context>\n\nQuestion: {question}",
 "prompts": {"qa1": {"instruction": "I1", "examples": "E1", "post_prompt": "P1"},
  "qa8": {"instruction": "I8", "examples": "E8", "post_prompt": "P8"},
  "qa3": {"instruction": "I3", "examples": "E3", "post_prompt": "P3"}},
 "labels": {"qa1": ["garden", "office"], "qa3": ["garden", "kitchen", "office"], "qa8": ["apple", "milk", "nothing"]}})");
    for (const char* folder : {"0k", "1k"}) {
      write(
          fmt::format("babilong/{}/qa1.jsonl", folder),
          fmt::format(
              "{{\"input\": \"{} Mary went to the office.\", \"question\": \"Where is Mary? \", \"target\": "
              "\"office\"}}\n",
              folder));
    }
    write("babilong/0k/qa3.jsonl",
          R"({"input": "Facts.", "question": "Where was the apple before the kitchen? ", "target": "garden"})"
          "\n");
    write("babilong/0k/qa8.jsonl",
          R"({"input": "Facts.", "question": "What is Mary carrying? ", "target": "apple,milk"})"
          "\n"
          R"({"input": "Facts.", "question": "What is John carrying? ", "target": "nothing"})"
          "\n");
  }

  void write_icl() {
    const char* classes[] = {"ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"};
    for (const char* part : {"train", "test"}) {
      std::string trec, banking;
      for (int i = 0; i < 120; i++) {
        // Few of the first class, as in the data that people use.
        const char* name = i % 6 == 0 && i > 18 ? "HUM" : classes[i % 6];
        trec += fmt::format("{{\"text\": \"{} {} {} ?\", \"coarse\": \"{}\", \"fine\": \"x\"}}\n", part, i,
                            invented_word(random_), name);
        banking += fmt::format("{{\"text\": \"{} {} {}\", \"label\": \"topic_{}\"}}\n", part, i,
                               invented_word(random_), i % 12);
      }
      write(fmt::format("icl/trec_{}.jsonl", part), trec);
      write(fmt::format("icl/banking77_{}.jsonl", part), banking);
    }
  }

  void write_rest() {
    write(
        "passkey/generated_passkey.jsonl",
        R"({"input": "Header.\nfiller\nThe pass key is 01234. Remember it. 01234 is the pass key.\nfiller", "target": "01234", "n_filler": 2})"
        "\n");
    write("longbench/dataset2prompt.json",
          R"({"multi_news": "Summarise. \n\nNews:\n{context}\n\nNow.\n\nSummary:"})");
    write("longbench/multi_news.jsonl",
          R"({"input": "", "context": "Passage 1: rain.", "answers": ["It rained."], "length": 3})"
          "\n"
          R"({"input": "", "context": "Passage 1: )" +
              invented(300, " ", ". ") + R"(", "answers": ["Much."], "length": 300})" + "\n");
  }

  TemporaryFolder folder_;
  Random random_{11};
};

}  // namespace kvcompress::test
