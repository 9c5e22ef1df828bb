#include "support/tiny_vocabulary.h"

#include <gguf.h>

#include <cstdint>  // int32_t
#include <cstdio>   // snprintf
#include <string>   // std::string
#include <vector>   // std::vector

#include "support/tiny_gguf.h"  // kTinyVocabulary

namespace kvcompress::test {
namespace {

// Numbers of GGUF's token types.
constexpr int32_t kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6;

struct Tokens {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::vector<float> scores;
  void add(std::string text, int32_t type) {
    scores.push_back(-static_cast<float>(texts.size()));
    texts.push_back(std::move(text));
    types.push_back(type);
  }
};

std::string utf8(unsigned code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

// GPT-2 writes a byte as itself where it prints, else as the next free character from U+0100 on.
std::string byte_character(unsigned byte) {
  const auto prints = [](unsigned b) { return (b > 32 && b < 127) || (b > 160 && b != 173); };
  if (prints(byte)) return utf8(byte);
  unsigned code = 256;
  for (unsigned b = 0; b < byte; ++b) code += prints(b) ? 0 : 1;
  return utf8(code);
}

void set_texts(gguf_context* gguf, const char* key, const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  gguf_set_arr_str(gguf, key, pointers.data(), pointers.size());
}

void set_tokens(gguf_context* gguf, Tokens& tokens) {
  while (tokens.texts.size() < kTinyVocabulary)
    tokens.add("word" + std::to_string(tokens.texts.size()), kNormal);
  set_texts(gguf, "tokenizer.ggml.tokens", tokens.texts);
  gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, tokens.types.data(),
                    tokens.types.size());
}

void write_byte_pairs(gguf_context* gguf) {
  Tokens tokens;
  for (const char* text : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) tokens.add(text, kControl);
  for (unsigned byte = 0; byte < 256; ++byte) tokens.add(byte_character(byte), kNormal);
  const std::string space = byte_character(' ');
  const std::vector<std::vector<std::string>> pairs = {{"t", "h"}, {"th", "e"},  {space, "the"},
                                                       {"a", "n"}, {"an", "d"},  {space, "and"},
                                                       {"i", "n"}, {space, "in"}};
  std::vector<std::string> merges;
  for (const auto& pair : pairs) {
    merges.push_back(pair[0] + " " + pair[1]);
    tokens.add(pair[0] + pair[1], kNormal);
  }
  gguf_set_val_str(gguf, "tokenizer.ggml.model", "gpt2");
  gguf_set_val_str(gguf, "tokenizer.ggml.pre", "gpt-2");
  set_tokens(gguf, tokens);
  set_texts(gguf, "tokenizer.ggml.merges", merges);
  gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", 0);
  gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", 2);
  gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", false);
  gguf_set_val_str(
      gguf, "tokenizer.chat_template",
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + "
      "'<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
      "{% endif %}");
}

void write_sentence_pieces(gguf_context* gguf) {
  Tokens tokens;
  tokens.add("<unk>", kUnknown);
  tokens.add("<s>", kControl);
  tokens.add("</s>", kControl);
  for (unsigned byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    tokens.add(text, kByte);
  }
  const std::string space = "\xE2\x96\x81";  // U+2581 stands for a space
  for (const std::string& text : {space, std::string("t"), std::string("h"), std::string("e"),
                                  std::string("th"), std::string("the"), space + "the"}) {
    tokens.add(text, kNormal);
  }
  gguf_set_val_str(gguf, "tokenizer.ggml.model", "llama");
  set_tokens(gguf, tokens);
  gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, tokens.scores.data(),
                    tokens.scores.size());
  gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", 1);
  gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", 2);
  gguf_set_val_u32(gguf, "tokenizer.ggml.unknown_token_id", 0);
  gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", true);
}

}  // namespace

void write_tiny_vocabulary(gguf_context* gguf, bool sentence_piece) {
  if (sentence_piece) {
    write_sentence_pieces(gguf);
  } else {
    write_byte_pairs(gguf);
  }
}

}  // namespace kvcompress::test
