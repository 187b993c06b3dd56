// A dense network in C++ with Eigen: a peer of bench/speed/run.py.
//
// Reads a problem's .npy files from a folder, then does what the lines of its standard input say:
// "run" trains an epoch (or predicts once) and prints its seconds, "write PATH" stores the
// parameters.
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "network.hpp"
#include "npy.hpp"
#include "sparse.hpp"

namespace {

template <class T>
Parameters<T> read_parameters(const Settings& settings) {
  Parameters<T> p(settings.sizes);
  for (std::size_t l = 0; l + 1 < settings.sizes.size(); ++l) {
    const auto w = read_npy<T>(settings.folder + "/weights_" + std::to_string(l) + ".npy");
    const auto b = read_npy<T>(settings.folder + "/biases_" + std::to_string(l) + ".npy");
    p.w(l) = Eigen::Map<const RowMatrix<T>>(w.data(), p.w(l).rows(), p.w(l).cols());
    p.b(l) = Eigen::Map<const Vector<T>>(b.data(), p.b(l).size());
  }
  return p;
}

template <class T>
void write_parameters(Parameters<T>& p, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  const auto write = [&file](const T* data, Eigen::Index count) {
    file.write(reinterpret_cast<const char*>(data), count * static_cast<Eigen::Index>(sizeof(T)));
  };
  for (std::size_t l = 0; l < p.layers(); ++l) {
    const RowMatrix<T> rows = p.w(l);
    write(rows.data(), rows.size());
    write(p.b(l).data(), p.b(l).size());
  }
}

template <class T, class Task>
void serve(Task& task) {
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "run") {
      const auto start = std::chrono::steady_clock::now();
      task.run();
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      std::cout << seconds.count() << std::endl;
    } else if (line.rfind("write ", 0) == 0) {
      write_parameters<T>(task.parameters(), line.substr(6));
      std::cout << "written" << std::endl;
    }
  }
}

template <class T>
void start(const Settings& settings) {
  if (settings.sparse) {
    Sparse<T> task(settings, read_parameters<T>(settings));
    serve<T>(task);
  } else {
    Dense<T> task(settings, read_parameters<T>(settings));
    serve<T>(task);
  }
}

Settings parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[std::string(argv[i]).substr(2)] = argv[i + 1];
  Settings s;
  std::istringstream sizes(given.at("sizes"));
  for (std::string size; std::getline(sizes, size, ',');) s.sizes.push_back(std::stol(size));
  s.folder = given.at("folder");
  s.hidden = given.at("hidden");
  s.output = given.at("output");
  s.cost = given.at("cost");
  s.optimizer = given.at("optimizer");
  s.rate = std::stod(given.at("rate"));
  s.l2 = std::stod(given.at("l2"));
  s.batch = std::stol(given.at("batch"));
  s.predicts = given.at("predicts") == "1";
  s.sparse = given.at("sparse") == "1";
  s.single = given.at("dtype") == "float32";
  Eigen::setNbThreads(std::stoi(given.at("threads")));
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = parse(argc, argv);
    settings.single ? start<float>(settings) : start<double>(settings);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
