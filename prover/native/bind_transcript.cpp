// Bindings of the hash and the transcript.
#include "bind.hpp"
#include "keccak.hpp"
#include "python_int.hpp"

namespace nb = nanobind;

namespace avow::native {

namespace {

std::uint8_t checked_label(std::int64_t label) {
  if (label < 0 || label > 255) {
    throw std::invalid_argument("label: expected 0 to 255, got " + std::to_string(label));
  }
  return std::uint8_t(label);
}

}  // namespace

void bind_transcript(nb::module_& module) {
  module.def(
      "keccak256",
      [](const nb::bytes& data) {
        const Bytes bytes = view(data);
        Digest digest;
        {
          nb::gil_scoped_release released;
          digest = keccak256(bytes);
        }
        return bytes_of(digest.data(), digest.size());
      },
      nb::arg("data"));
  nb::class_<Transcript>(module, "Transcript")
      .def(nb::init<>())
      .def(
          "absorb",
          [](Transcript& self, std::int64_t label, const nb::bytes& words) {
            self.absorb(checked_label(label), view(words));
          },
          nb::arg("label"), nb::arg("words"))
      .def(
          "challenge",
          [](Transcript& self, std::int64_t label) {
            const auto drawn = self.challenge(checked_label(label));
            Limbs value{};
            for (std::size_t i = 0; i < 31; ++i) value[i / 8] |= Limb(drawn[30 - i]) << (8 * (i % 8));
            return int_of_canonical(value);
          },
          nb::arg("label"));
}

}  // namespace avow::native
