// .npy files of one dtype, as flat vectors.
#pragma once

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

template <class T>
std::vector<T> read_npy(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error("cannot read " + path);
  const auto size = static_cast<std::size_t>(file.tellg());
  file.seekg(8);
  unsigned char low = 0, high = 0;
  file.read(reinterpret_cast<char*>(&low), 1).read(reinterpret_cast<char*>(&high), 1);
  const std::size_t start = 10 + low + 256u * high;
  std::vector<T> values((size - start) / sizeof(T));
  file.seekg(static_cast<std::streamoff>(start));
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
  if (!file) throw std::runtime_error(path + " ends too early");
  return values;
}
