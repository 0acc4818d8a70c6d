//===- ReadFile.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_READFILE_H
#define HAMLET_TEXT_TOKENIZER_READFILE_H

#include "container/Status.h"
#include "text/tokenizer/Vocabulary.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hamlet::text {

/// Pairs of tokens to merge, in the order of the file.
class MergeList {
public:
  void add(std::string_view left, std::string_view right) {
    pairs.push_back({texts.size(), left.size(), right.size()});
    texts.append(left).append(right);
  }
  size_t size() const { return pairs.size(); }
  std::string_view left(size_t i) const {
    return joined(i).substr(0, pairs[i].left);
  }
  std::string_view right(size_t i) const {
    return joined(i).substr(pairs[i].left);
  }
  std::string_view joined(size_t i) const {
    return std::string_view(texts).substr(pairs[i].begin,
                                          pairs[i].left + pairs[i].right);
  }

private:
  struct Pair {
    size_t begin, left, right;
  };
  std::string texts;
  std::vector<Pair> pairs;
};

/// A tokenizer.json as it stands, its two long parts as tables: one pass over
/// the text, no JSON value for each token.
struct TokenizerFile {
  nlohmann::json root;   ///< Without model.vocab and model.merges.
  Vocabulary vocabulary; ///< model.vocab, where that is an object.
  MergeList merges;      ///< model.merges, where that is a list.
};

/// Fails on what is no JSON, on a key or token that is there twice, on ids that
/// are no whole numbers and merges that are no pairs. Errors begin with a path.
Result<TokenizerFile> parseFile(std::string_view json);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_READFILE_H
