// The tokenizer of the tiny models: ids 0 to 2 special, then the 256 bytes, then words.
#pragma once

struct gguf_context;

namespace kvcompress::test {

// sentence_piece: tokenizer "llama" with byte fallback, BOS added; else "gpt2" with merges and a ChatML
// template.
void write_tiny_vocabulary(gguf_context* gguf, bool sentence_piece);

}  // namespace kvcompress::test
