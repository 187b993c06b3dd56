#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <new>
#include <optional>
#include <utility>

#include "io/input_file.hpp"
#include "io/json.hpp"
#include "io/path.hpp"
#include "io/tensor_format.hpp"
#include "nncore/error.hpp"
#include "nncore/tensor_file.hpp"

namespace nncore {

using namespace tensor_format;

namespace {

constexpr std::size_t alignment = 64;

std::string number(std::uint64_t value) { return std::to_string(value); }

std::shared_ptr<std::byte> allocate(std::size_t bytes) {
  constexpr auto align = std::align_val_t{alignment};
  return {static_cast<std::byte*>(::operator new(bytes, align)),
          [](std::byte* data) { ::operator delete(data, align); }};
}

std::optional<DType> dtype_named(std::string_view name) {
  for (const Element& element : elements) {
    if (element.name == name) return element.dtype;
  }
  return std::nullopt;
}

std::vector<std::size_t> parse_sizes(json::Reader& reader) {
  std::vector<std::size_t> sizes;
  reader.array([&] {
    const std::uint64_t size = reader.integer();
    if (!std::in_range<std::size_t>(size)) reader.fail(number(size) + " is beyond this machine");
    sizes.push_back(static_cast<std::size_t>(size));
  });
  return sizes;
}

}  // namespace

// Reads a file front to back: the header's length, the header, then each tensor to its own place.
class TensorFileParser {
 public:
  // Fills its argument with the next bytes of the file; false if they are not there.
  using Read = std::function<bool(std::span<std::byte>)>;

  TensorFileParser(const std::string& label, std::uint64_t size, Read read)
      : size_(size), read_(std::move(read)) {
    file_.label_ = label;
  }

  TensorFile parse() {
    parse_header(read_header());
    check_coverage();
    load();
    return std::move(file_);
  }

 private:
  struct Entry {
    TensorView tensor;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  [[noreturn]] void fail(const std::string& message) const {
    throw ModelFileError(file_.label_ + ": " + message);
  }

  void read(std::span<std::byte> bytes) {
    if (!bytes.empty() && !read_(bytes)) {
      fail("cannot read " + number(bytes.size()) + " of its " + number(size_) + " bytes");
    }
  }

  std::string read_header() {
    if (size_ < length_bytes) {
      fail("too short for a safetensors file: expected at least 8 bytes, found " + number(size_));
    }
    std::array<std::byte, length_bytes> bytes{};
    read(bytes);
    std::uint64_t length = 0;
    for (std::size_t i = length_bytes; i-- > 0;) {
      length = length << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    }
    const std::uint64_t rest = size_ - length_bytes;
    if (length > rest) {
      fail("not a safetensors file, or cut short: its header should take " + number(length) +
           " bytes, but only " + number(rest) + " follow");
    }
    if (length > most_header_bytes) {
      fail("its header takes " + number(length) + " bytes; at most " + number(most_header_bytes) +
           " are accepted");
    }
    if (rest - length > std::numeric_limits<std::size_t>::max() / 2) {
      fail("its " + number(rest - length) + " bytes of tensors are beyond this machine");
    }
    data_size_ = static_cast<std::size_t>(rest - length);
    std::string header(static_cast<std::size_t>(length), '\0');
    read(std::as_writable_bytes(std::span(header)));
    return header;
  }

  void parse_header(const std::string& header) {
    json::Reader reader(header);
    try {
      if (!header.starts_with('{')) reader.fail("expected '{' right at the start");
      reader.object([&](const std::string& key) {
        if (key != metadata_key) {
          entries_.push_back(parse_entry(reader, key));
          return;
        }
        std::map<std::string, std::string> metadata;  // which takes keys in any order
        reader.object([&](const std::string& name) { metadata.emplace(name, reader.string()); });
        file_.metadata_ = metadata;
      });
      reader.end();
    } catch (const json::ParseError& error) {
      fail("bad header at byte " + number(length_bytes + error.position()) +
           " of the file: " + error.what());
    }
  }

  Entry parse_entry(json::Reader& reader, const std::string& name) const {
    const auto refuse = [&](const std::string& what) {
      reader.fail("tensor " + shown(name) + " has " + what);
    };
    std::optional<DType> dtype;
    std::optional<std::vector<std::size_t>> shape;
    std::optional<std::vector<std::size_t>> offsets;
    reader.object([&](const std::string& key) {
      if (key == "dtype") {
        const std::string value = reader.string();
        dtype = dtype_named(value);
        if (!dtype) refuse("dtype " + shown(value) + "; expected F32, F64, I64 or U8");
      } else if (key == "shape") {
        shape = parse_sizes(reader);
      } else if (key == "data_offsets") {
        offsets = parse_sizes(reader);
        if (offsets->size() != 2) refuse(number(offsets->size()) + " data_offsets; expected 2");
      } else {
        refuse("a key " + shown(key) + "; expected dtype, shape and data_offsets");
      }
    });
    if (!dtype) refuse("no dtype");
    if (!shape) refuse("no shape");
    if (!offsets) refuse("no data_offsets");
    Entry entry{{name, *dtype, std::move(*shape), nullptr}, offsets->front(), offsets->back()};
    check(entry);
    return entry;
  }

  void check(const Entry& entry) const {
    const std::string range = "[" + number(entry.begin) + ", " + number(entry.end) + "]";
    const std::string subject =
        "tensor " + shown(entry.tensor.name) + " with data_offsets " + range;
    if (entry.begin > entry.end) fail(subject + ": they are reversed");
    if (entry.end > data_size_) {
      fail(subject + ": the tensors take only " + number(data_size_) +
           " bytes (was the file cut short?)");
    }
    const std::string taken = subject + ": " + shown(entry.tensor.dtype, entry.tensor.shape);
    const auto bytes = byte_count(entry.tensor.dtype, entry.tensor.shape);
    if (!bytes) fail(taken + " has a size that overflows");
    if (*bytes != entry.end - entry.begin) {
      fail(taken + " takes " + number(*bytes) + " bytes, not " + number(entry.end - entry.begin));
    }
  }

  // Every byte after the header must belong to exactly one tensor.
  void check_coverage() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::size_t position = 0;
    std::string_view previous;
    const auto expect = [&](std::size_t begin) {
      if (begin <= position) return;
      fail("bytes " + number(position) + " to " + number(begin) +
           " after its header belong to no tensor");
    };
    for (const Entry& entry : entries_) {
      if (entry.begin < position) {
        fail("tensors " + shown(previous) + " and " + shown(entry.tensor.name) +
             " overlap at byte " + number(entry.begin) + " after its header");
      }
      expect(entry.begin);
      position = entry.end;
      previous = entry.tensor.name;
    }
    expect(data_size_);
  }

  void load() {
    const auto padded = [](const Entry& entry) {
      return (entry.end - entry.begin + alignment - 1) / alignment * alignment;
    };
    std::size_t total = 0;
    for (const Entry& entry : entries_) total += padded(entry);
    try {
      file_.storage_ = allocate(total);
    } catch (const std::bad_alloc&) {
      fail("its tensors need " + number(total) + " bytes of memory, more than there is");
    }
    std::byte* place = file_.storage_.get();
    for (Entry& entry : entries_) {
      const std::span<std::byte> bytes(place, entry.end - entry.begin);
      read(bytes);
      swap_if_big_endian(bytes, element_of(entry.tensor.dtype).size);
      entry.tensor.data = place;
      place += padded(entry);
      file_.tensors_.push_back(std::move(entry.tensor));
    }
    std::sort(file_.tensors_.begin(), file_.tensors_.end(),
              [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
  }

  TensorFile file_;
  std::uint64_t size_;
  Read read_;
  std::size_t data_size_ = 0;
  std::vector<Entry> entries_;
};

std::vector<std::string> TensorFile::names() const {
  std::vector<std::string> names;
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  return names;
}

const TensorView* TensorFile::find(std::string_view name) const noexcept {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const TensorView& TensorFile::at(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  throw ModelFileError(label_ + ": expected a tensor " + shown(name) + "; none of its " +
                       number(tensors_.size()) + " has that name");
}

const TensorView& TensorFile::at(std::string_view name, DType dtype,
                                 const std::vector<std::size_t>& shape) const {
  const TensorView& tensor = at(name);
  if (tensor.dtype == dtype && tensor.shape == shape) return tensor;
  throw ModelFileError(label_ + ": expected tensor " + shown(name) + " to be " +
                       shown(dtype, shape) + "; it is " + shown(tensor.dtype, tensor.shape));
}

TensorFile read_tensor_file(const Path& path) {
  const std::string label = path_text(path);
  InputFile file(path,
                 {"is a directory", "is not a regular file", "cannot be opened", "cannot be read"});
  if (!file.problem().empty()) throw ModelFileError(label + ": " + file.problem());
  const auto read = [&file](std::span<std::byte> bytes) { return file.read(bytes); };
  return TensorFileParser(label, file.size(), read).parse();
}

TensorFile parse_tensor_bytes(std::span<const std::byte> bytes, const std::string& label) {
  const auto read = [rest = bytes](std::span<std::byte> wanted) mutable {
    std::memcpy(wanted.data(), rest.data(), wanted.size());
    rest = rest.subspan(wanted.size());
    return true;
  };
  return TensorFileParser(label, bytes.size(), read).parse();
}

}  // namespace nncore
