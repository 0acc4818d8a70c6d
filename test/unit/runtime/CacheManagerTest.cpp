//===- CacheManagerTest.cpp -----------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/CacheManager.h"

#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <set>

namespace {

using namespace hamlet;
using namespace hamlet::runtime;

constexpr int64_t kChunk = 16, kBytes = 256;

class Caches : public testing::Test {
protected:
  /// A state and a tail in each slot if `slots`, a pool of pages if `pages`.
  CacheManager make(bool slots, bool pages, int64_t pageCount = 8) {
    file.model = std::make_unique<hmlt::ModelT>();
    file.model->chunk = kChunk;
    file.model->dtype = dtype;
    auto add = [&](const char *name, hmlt::CachePer per) {
      auto cache = std::make_unique<hmlt::CacheT>();
      cache->name = name;
      cache->per = per;
      cache->bytes = kBytes;
      file.caches.push_back(std::move(cache));
    };
    if (slots) {
      add("lightning.0.state", hmlt::CachePer::slot);
      add("lightning.0.tail_values", hmlt::CachePer::slot);
    }
    if (pages)
      add("attention.1.values", hmlt::CachePer::page);
    auto caches = CacheManager::make(file, *device, 3, pageCount, pageCount);
    EXPECT_TRUE(caches.ok()) << caches.message();
    return std::move(*caches);
  }
  static void feed(CacheManager &caches, int slot, int64_t tokens) {
    Status status = caches.extend(slot, tokens);
    EXPECT_TRUE(status.ok()) << status.message();
    caches.commit(slot, tokens);
  }
  /// Memory of a pool's slot or page.
  uint8_t *memory(const CacheManager &caches, size_t pool, int64_t index) {
    return static_cast<uint8_t *>(device->hostView(
        caches.addresses()[pool] + static_cast<uint64_t>(index * kBytes)));
  }
  static void refuse(const Status &status, const std::string &words) {
    EXPECT_TRUE(status.failed());
    EXPECT_NE(status.message().find(words), std::string::npos)
        << status.message();
  }

  hmlt::DType dtype = hmlt::DType::f32;
  hmlt::ContainerT file;
  ThreadPool pool{1};
  std::unique_ptr<Device> device = makeCpuDevice(pool);
};

TEST_F(Caches, ForksShareFullPagesAndCopyTheLast) {
  CacheManager caches = make(true, true, 5);
  int a = *caches.open();
  feed(caches, a, 100);
  memory(caches, 2, caches.pages(a)[1])[0] = 42;
  memory(caches, 0, a)[5] = 7;
  Result<int> b = caches.fork(a);
  ASSERT_TRUE(b.ok()) << b.message();
  EXPECT_EQ(caches.length(*b), 100);
  EXPECT_EQ(memory(caches, 0, *b)[5], 7) << "the state is a copy";
  EXPECT_EQ(caches.pages(a)[0], caches.pages(*b)[0]);
  EXPECT_EQ(caches.pages(a)[1], caches.pages(*b)[1]);

  int32_t shared = caches.pages(a)[1];
  feed(caches, *b, 1);
  EXPECT_EQ(caches.pages(a)[0], caches.pages(*b)[0]);
  EXPECT_NE(caches.pages(*b)[1], shared);
  EXPECT_EQ(memory(caches, 2, caches.pages(*b)[1])[0], 42);
  feed(caches, a, 1);
  EXPECT_EQ(caches.pages(a)[1], shared) << "now the only reader";

  // Two pages and one are in use, two are left: not three.
  feed(caches, a, 128 - 101);
  refuse(caches.extend(a, 3 * kPageTokens), "3 more wanted, 2 of 5");
  feed(caches, a, 2 * kPageTokens);
  caches.close(a);
  EXPECT_EQ(memory(caches, 2, caches.pages(*b)[1])[0], 42);
  feed(caches, *b, 2 * kPageTokens);
  std::set<int32_t> pages(caches.pages(*b).begin(), caches.pages(*b).end());
  EXPECT_EQ(pages.size(), caches.pages(*b).size());
}

TEST_F(Caches, ACopyNeedsAPage) {
  CacheManager caches = make(false, true, 2);
  int a = *caches.open();
  feed(caches, a, 100);
  int b = *caches.fork(a);
  refuse(caches.extend(b, 1), "1 more wanted, 0 of 2");
  caches.close(a);
  feed(caches, b, 28);
}

TEST_F(Caches, SlotsRunOut) {
  CacheManager caches = make(true, true);
  int a = *caches.open();
  ASSERT_TRUE(caches.fork(a).ok());
  ASSERT_TRUE(caches.fork(a).ok());
  refuse(caches.fork(a).status(), "all 3 sequences are in use");
}

TEST_F(Caches, StatesGoBackToTheChunk) {
  CacheManager caches = make(true, true);
  int a = *caches.open();
  EXPECT_EQ(caches.leastLength(a), 0);
  feed(caches, a, 5);
  EXPECT_EQ(caches.leastLength(a), 1);
  feed(caches, a, 8 * kChunk + 3);
  EXPECT_EQ(caches.leastLength(a), 8 * kChunk);
  refuse(caches.truncate(a, 8 * kChunk - 1),
         "possible are 0 and 128 to 136, as");
  refuse(caches.truncate(a, 137), "cannot be cut to 137");
  EXPECT_EQ(caches.length(a), 136);
  EXPECT_EQ(caches.pages(a).size(), 3u);
  ASSERT_TRUE(caches.truncate(a, 128).ok());
  EXPECT_EQ(caches.pages(a).size(), 2u);
  memory(caches, 0, a)[0] = 1;
  ASSERT_TRUE(caches.truncate(a, 0).ok());
  EXPECT_EQ(memory(caches, 0, a)[0], 0) << "as if new";
  EXPECT_EQ(caches.pages(a).size(), 0u);
}

TEST_F(Caches, PagesGoBackAnywhere) {
  CacheManager caches = make(false, true);
  int a = *caches.open();
  feed(caches, a, 300);
  EXPECT_EQ(caches.leastLength(a), 1);
  ASSERT_TRUE(caches.truncate(a, 65).ok());
  EXPECT_EQ(caches.pages(a).size(), 2u);
  EXPECT_EQ(caches.length(a), 65);
}

// A hidden row counts as zero times what is there.
TEST_F(Caches, NotFiniteIsNotCutOff) {
  CacheManager caches = make(true, true);
  int a = *caches.open();
  feed(caches, a, 136);
  float infinite = std::numeric_limits<float>::infinity();
  std::memcpy(memory(caches, 1, a) + kBytes - 4, &infinite, 4);
  refuse(caches.truncate(a, 130), "not finite");
  EXPECT_EQ(caches.length(a), 136);
  EXPECT_TRUE(caches.truncate(a, 128).ok()) << "the tail begins anew";

  feed(caches, a, 8);
  std::memset(memory(caches, 1, a), 0, kBytes);
  std::memcpy(memory(caches, 2, caches.pages(a)[2]), &infinite, 4);
  refuse(caches.truncate(a, 130), "not finite");
  EXPECT_TRUE(caches.truncate(a, 128).ok()) << "the page goes";
}

TEST_F(Caches, ElementsAreOfTheModelsDtype) {
  dtype = hmlt::DType::bf16;
  CacheManager caches = make(true, false);
  int a = *caches.open();
  feed(caches, a, 10);
  uint16_t nan = 0x7fc0;
  std::memcpy(memory(caches, 1, a) + 4, &nan, 2);
  refuse(caches.truncate(a, 5), "not finite");
}

} // namespace
