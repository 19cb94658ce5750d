/* Baselines for KernelComparison: the loops of native-bindings in C, for gcc -O3 -march=native. */
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__) && defined(__AVX512VPOPCNTDQ__) && defined(__AVX512VBMI__) && defined(__AVX512BW__)
#include <immintrin.h>

int arbalest_supported(void) { return 1; }

void dot_single(const float *q, const char *rows, const int64_t *offsets, int count, int d, float *out) {
  for (int n = 0; n < count; n++) {
    const float *r = (const float *) (rows + offsets[n]);
    __m512 a = _mm512_setzero_ps(), b = a, c = a, e = a;
    for (int i = 0; i < d; i += 64) {
      a = _mm512_fmadd_ps(_mm512_loadu_ps(q + i), _mm512_loadu_ps(r + i), a);
      b = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 16), _mm512_loadu_ps(r + i + 16), b);
      c = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 32), _mm512_loadu_ps(r + i + 32), c);
      e = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 48), _mm512_loadu_ps(r + i + 48), e);
    }
    out[n] = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, e)));
  }
}

void dot_tile8(const float *q, const char *rows, const int64_t *offsets, int count, int d, float *out) {
  for (int n = 0; n < count; n += 8) {
    const float *r[8];
    __m512 s[8];
    for (int k = 0; k < 8; k++) {
      r[k] = (const float *) (rows + offsets[n + k]);
      s[k] = _mm512_setzero_ps();
    }
    for (int i = 0; i < d; i += 16) {
      __m512 x = _mm512_loadu_ps(q + i);
#pragma GCC unroll 8
      for (int k = 0; k < 8; k++) s[k] = _mm512_fmadd_ps(x, _mm512_loadu_ps(r[k] + i), s[k]);
    }
    for (int k = 0; k < 8; k++) out[n + k] = _mm512_reduce_add_ps(s[k]);
  }
}

void l2_tile8(const float *q, const char *rows, const int64_t *offsets, int count, int d, float *out) {
  for (int n = 0; n < count; n += 8) {
    const float *r[8];
    __m512 s[8];
    for (int k = 0; k < 8; k++) {
      r[k] = (const float *) (rows + offsets[n + k]);
      s[k] = _mm512_setzero_ps();
    }
    for (int i = 0; i < d; i += 16) {
      __m512 x = _mm512_loadu_ps(q + i);
#pragma GCC unroll 8
      for (int k = 0; k < 8; k++) {
        __m512 e = _mm512_sub_ps(_mm512_loadu_ps(r[k] + i), x);
        s[k] = _mm512_fmadd_ps(e, e, s[k]);
      }
    }
    for (int k = 0; k < 8; k++) out[n + k] = _mm512_reduce_add_ps(s[k]);
  }
}

/* Every row with every row: out[i * count + j]. */
void dot_matrix(const char *rows, const int64_t *offsets, int count, int d, float *out) {
  for (int n = 0; n < count; n += 4)
    for (int m = 0; m < count; m += 4) {
      __m512 s[4][4];
      for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) s[a][b] = _mm512_setzero_ps();
      for (int i = 0; i < d; i += 16) {
        __m512 x[4];
#pragma GCC unroll 4
        for (int a = 0; a < 4; a++) x[a] = _mm512_loadu_ps((const float *) (rows + offsets[n + a]) + i);
#pragma GCC unroll 4
        for (int b = 0; b < 4; b++) {
          __m512 y = _mm512_loadu_ps((const float *) (rows + offsets[m + b]) + i);
#pragma GCC unroll 4
          for (int a = 0; a < 4; a++) s[a][b] = _mm512_fmadd_ps(x[a], y, s[a][b]);
        }
      }
      for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) out[(n + a) * count + m + b] = _mm512_reduce_add_ps(s[a][b]);
    }
}

void one_by_four(const uint64_t *q, const char *codes, int64_t stride, int words, const int *nodes, int count, int *out) {
  for (int n = 0; n < count; n++) {
    const uint64_t *c = (const uint64_t *) (codes + nodes[n] * stride);
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    for (int i = 0; i < words; i += 8) {
      __m512i x = _mm512_loadu_si512(c + i);
      s0 = _mm512_add_epi64(s0, _mm512_popcnt_epi64(_mm512_xor_si512(x, _mm512_loadu_si512(q + i))));
      s1 = _mm512_add_epi64(s1, _mm512_popcnt_epi64(_mm512_xor_si512(x, _mm512_loadu_si512(q + words + i))));
      s2 = _mm512_add_epi64(s2, _mm512_popcnt_epi64(_mm512_xor_si512(x, _mm512_loadu_si512(q + 2 * words + i))));
      s3 = _mm512_add_epi64(s3, _mm512_popcnt_epi64(_mm512_xor_si512(x, _mm512_loadu_si512(q + 3 * words + i))));
    }
    __m512i hi = _mm512_add_epi64(s2, _mm512_slli_epi64(s3, 1));
    __m512i all = _mm512_add_epi64(_mm512_add_epi64(s0, _mm512_slli_epi64(s1, 1)), _mm512_slli_epi64(hi, 2));
    out[n] = (int) _mm512_reduce_add_epi64(all);
  }
}

void half_dot(const float *q, const char *rows, int64_t stride, int d, const int *nodes, int count, float *out) {
  for (int n = 0; n < count; n++) {
    const uint16_t *r = (const uint16_t *) (rows + nodes[n] * stride);
    __m512 a = _mm512_setzero_ps(), b = a, c = a, e = a;
    for (int i = 0; i < d; i += 64) {
      a = _mm512_fmadd_ps(_mm512_loadu_ps(q + i), _mm512_cvtph_ps(_mm256_loadu_si256((const void *) (r + i))), a);
      b = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 16), _mm512_cvtph_ps(_mm256_loadu_si256((const void *) (r + i + 16))), b);
      c = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 32), _mm512_cvtph_ps(_mm256_loadu_si256((const void *) (r + i + 32))), c);
      e = _mm512_fmadd_ps(_mm512_loadu_ps(q + i + 48), _mm512_cvtph_ps(_mm256_loadu_si256((const void *) (r + i + 48))), e);
    }
    out[n] = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, e)));
  }
}

/* Codes turned already: byte j of 64 candidates at turned + 64 j. */
static void fast_scan_turned(const uint8_t *turned, int code_bytes, const uint8_t *tables, uint16_t *sums) {
  __m512i even = _mm512_setzero_si512(), odd = even;
  const __m512i nibble = _mm512_set1_epi8(15), byte = _mm512_set1_epi16(255);
  for (int j = 0; j < code_bytes; j++) {
    __m512i c = _mm512_loadu_si512(turned + 64 * j);
    __m512i lo = _mm512_and_si512(c, nibble), hi = _mm512_and_si512(_mm512_srli_epi16(c, 4), nibble);
    __m512i t0 = _mm512_castsi128_si512(_mm_loadu_si128((const void *) (tables + 32 * j)));
    __m512i t1 = _mm512_castsi128_si512(_mm_loadu_si128((const void *) (tables + 32 * j + 16)));
    __m512i a = _mm512_permutexvar_epi8(lo, t0), b = _mm512_permutexvar_epi8(hi, t1);
    even = _mm512_add_epi16(even, _mm512_add_epi16(_mm512_and_si512(a, byte), _mm512_and_si512(b, byte)));
    odd = _mm512_add_epi16(odd, _mm512_add_epi16(_mm512_srli_epi16(a, 8), _mm512_srli_epi16(b, 8)));
  }
  _mm512_storeu_si512(sums, even);
  _mm512_storeu_si512(sums + 32, odd);
}

void fast_scan_block(const uint8_t *turned, int code_bytes, const uint8_t *tables, uint16_t *sums, int *out) {
  fast_scan_turned(turned, code_bytes, tables, sums);
  for (int i = 0; i < 64; i++) out[i] = sums[i / 2 + (i % 2) * 32];
}

static void turn8(const uint64_t *a, uint8_t *t) {
  uint64_t b[8], c[8];
  const uint64_t l4 = 0xffffffffull, l2 = 0x0000ffff0000ffffull, l1 = 0x00ff00ff00ff00ffull;
  for (int i = 0; i < 4; i++) {
    b[i] = (a[i] & l4) | (a[i + 4] << 32);
    b[i + 4] = (a[i] >> 32) | (a[i + 4] & ~l4);
  }
  for (int h = 0; h < 8; h += 4)
    for (int i = h; i < h + 2; i++) {
      c[i] = (b[i] & l2) | ((b[i + 2] & l2) << 16);
      c[i + 2] = ((b[i] >> 16) & l2) | (b[i + 2] & ~l2);
    }
  for (int i = 0; i < 8; i += 2) {
    *(uint64_t *) (t + 64 * i) = (c[i] & l1) | ((c[i + 1] & l1) << 8);
    *(uint64_t *) (t + 64 * (i + 1)) = ((c[i] >> 8) & l1) | (c[i + 1] & ~l1);
  }
}

void fast_scan(const char *codes, int64_t stride, int code_bytes, const int *nodes, int count, const uint8_t *tables,
               uint8_t *turned, uint16_t *sums, int *out) {
  for (int s = 0; s < count; s += 64) {
    for (int n = 0; n < 64; n += 8)
      for (int j = 0; j < code_bytes; j += 8) {
        uint64_t a[8];
        for (int k = 0; k < 8; k++) a[k] = *(const uint64_t *) (codes + nodes[s + n + k] * stride + j);
        turn8(a, turned + 64 * j + n);
      }
    fast_scan_turned(turned, code_bytes, tables, sums);
    for (int i = 0; i < 64; i++) out[s + i] = sums[i / 2 + (i % 2) * 32];
  }
}
#else
int arbalest_supported(void) { return 0; }
#endif
