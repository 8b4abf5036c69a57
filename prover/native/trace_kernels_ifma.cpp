// Hashes eight messages at a time, a lane of every register each.
#include <immintrin.h>

#include "numbers.hpp"
#include "permutation.hpp"
#include "trace_kernels.hpp"

namespace avow::native {

namespace {

using Lanes = __m512i;

inline Lanes rotate(Lanes a, int by) {
  return _mm512_rolv_epi64(a, _mm512_set1_epi64(by));
}

inline Lanes xor3(Lanes a, Lanes b, Lanes c) { return _mm512_ternarylogic_epi64(a, b, c, 0x96); }

// a ^ (~b & c)
inline Lanes chi(Lanes a, Lanes b, Lanes c) { return _mm512_ternarylogic_epi64(a, b, c, 0xd2); }

inline void permute(Lanes (&a)[25]) {
  for (int round = 0; round < KeccakConstants::kRounds; ++round) {
    Lanes column[5], moved[25];
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) column[x] = xor3(xor3(a[x], a[x + 5], a[x + 10]), a[x + 15], a[x + 20]);
#pragma GCC unroll 5
    for (int x = 0; x < 5; ++x) {
      const Lanes left = column[(x + 4) % 5], right = _mm512_rol_epi64(column[(x + 1) % 5], 1);
#pragma GCC unroll 5
      for (int y = 0; y < 25; y += 5) a[x + y] = xor3(a[x + y], left, right);
    }
    moved[0] = a[0];
    int from = 1;
#pragma GCC unroll 24
    for (int t = 0; t < 24; ++t) {
      moved[kKeccak.walk[t].lane] = rotate(a[from], kKeccak.walk[t].rotation);
      from = kKeccak.walk[t].lane;
    }
#pragma GCC unroll 5
    for (int y = 0; y < 25; y += 5) {
#pragma GCC unroll 5
      for (int x = 0; x < 5; ++x) {
        a[y + x] = chi(moved[y + x], moved[y + (x + 1) % 5], moved[y + (x + 2) % 5]);
      }
    }
    a[0] = _mm512_xor_si512(a[0], _mm512_set1_epi64(static_cast<long long>(kKeccak.round[round])));
  }
}

// Rows of eight words become columns.
inline void transpose(Lanes (&r)[8]) {
  Lanes t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      u[i + j] = _mm512_shuffle_i64x2(t[i + j], t[i + j + 2], 0x88);
      u[i + j + 2] = _mm512_shuffle_i64x2(t[i + j], t[i + j + 2], 0xdd);
    }
  }
  // u[j] has words j and j + 4 of rows 0..3, u[j + 4] of rows 4..7, for j = 0..3.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    r[j] = _mm512_shuffle_i64x2(u[j], u[j + 4], 0x88);
    r[j + 4] = _mm512_shuffle_i64x2(u[j], u[j + 4], 0xdd);
  }
}

// The first `live` lanes of a full set of eight; the others repeat lane 0.
void hash_eight(std::uint8_t* out, const std::uint8_t* padded, std::size_t blocks,
                std::size_t live) {
  const std::size_t length = blocks * TraceKernels::kRate;
  Lanes a[25];
#pragma GCC unroll 25
  for (int i = 0; i < 25; ++i) a[i] = _mm512_setzero_si512();
  const std::uint8_t* row[8];
  for (std::size_t lane = 0; lane < 8; ++lane) row[lane] = padded + (lane < live ? lane : 0) * length;
  for (std::size_t block = 0; block < blocks; ++block) {
    // Seventeen words: eight, eight, one.
#pragma GCC unroll 2
    for (int part = 0; part < 2; ++part) {
      Lanes words[8];
#pragma GCC unroll 8
      for (int lane = 0; lane < 8; ++lane) {
        words[lane] = _mm512_loadu_si512(row[lane] + block * TraceKernels::kRate + 64 * part);
      }
      transpose(words);
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) a[8 * part + i] = _mm512_xor_si512(a[8 * part + i], words[i]);
    }
    long long last[8];
#pragma GCC unroll 8
    for (int lane = 0; lane < 8; ++lane) {
      __builtin_memcpy(&last[lane], row[lane] + block * TraceKernels::kRate + 128, 8);
    }
    a[16] = _mm512_xor_si512(a[16], _mm512_loadu_si512(last));
    permute(a);
  }
  alignas(64) std::uint64_t words[4][8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) _mm512_store_si512(words[i], a[i]);
  for (std::size_t lane = 0; lane < live; ++lane) {
    for (int i = 0; i < 4; ++i) __builtin_memcpy(out + 32 * lane + 8 * i, &words[i][lane], 8);
  }
}

void hash(std::uint8_t* out, const std::uint8_t* padded, std::size_t blocks, std::size_t count) {
  for (std::size_t at = 0; at < count; at += 8) {
    hash_eight(out + 32 * at, padded + at * blocks * TraceKernels::kRate, blocks,
               count - at < 8 ? count - at : 8);
  }
}

}  // namespace

const TraceKernels kIfmaTraceKernels{hash, converter_of};

}  // namespace avow::native
