// Turns numbers as they lie in memory into big-endian integers of a few bytes. Every file that
// includes this has its own copy, made for the instructions that it may use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "trace_kernels.hpp"

namespace avow::native {

namespace {

template <unsigned Width>
using Unsigned = std::conditional_t<
    Width == 1, std::uint8_t,
    std::conditional_t<Width == 2, std::uint16_t,
                       std::conditional_t<Width == 4, std::uint32_t, std::uint64_t>>>;

template <class T>
T big_endian(T value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
#endif
  return value;
}

// No branch and no cast of anything that the integer cannot hold, so that compilers make vectors.
template <class T, unsigned Width>
bool convert(std::uint8_t* out, const void* data, std::size_t first, std::size_t count) {
  const T* from = static_cast<const T*>(data) + first;
  if constexpr (std::is_floating_point_v<T>) {
    using Integer = std::conditional_t<(Width > 4), std::int64_t, std::int32_t>;
    using Bits = std::conditional_t<(sizeof(T) > 4), std::int64_t, std::int32_t>;
    // Powers of two are exact in every float.
    constexpr T end = T(std::uint64_t(1) << (8 * Width - 1));
    Integer bad = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const T value = from[i];
      const Bits fits = -Bits((value >= -end) & (value < end));
      const T within = __builtin_bit_cast(T, __builtin_bit_cast(Bits, value) & fits);
      const Integer integer = Integer(within);
      bad |= Integer(T(integer) != value);
      const auto stored = big_endian(Unsigned<Width>(integer));
      __builtin_memcpy(out + i * Width, &stored, Width);
    }
    return bad == 0;
  } else {
    T bad = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto integer = Unsigned<Width>(from[i]);
      bad = T(bad | T(T(std::make_signed_t<Unsigned<Width>>(integer)) != from[i]));
      const auto stored = big_endian(integer);
      __builtin_memcpy(out + i * Width, &stored, Width);
    }
    return bad == 0;
  }
}

template <class T>
Convert converter_of_type(unsigned width) {
  switch (width) {
    case 1: return convert<T, 1>;
    case 2: return convert<T, 2>;
    case 4: return convert<T, 4>;
    case 8: return convert<T, 8>;
    default: return nullptr;
  }
}

Convert converter_of(NumberKind kind, unsigned width) {
  switch (kind) {
    case NumberKind::int8: return converter_of_type<std::int8_t>(width);
    case NumberKind::int16: return converter_of_type<std::int16_t>(width);
    case NumberKind::int32: return converter_of_type<std::int32_t>(width);
    case NumberKind::int64: return converter_of_type<std::int64_t>(width);
    case NumberKind::float32: return converter_of_type<float>(width);
    default: return converter_of_type<double>(width);
  }
}

}  // namespace

}  // namespace avow::native
