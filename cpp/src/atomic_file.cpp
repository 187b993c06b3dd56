#include "atomic_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#ifdef _WIN32
#include <io.h>
#include <process.h>
#include <sys/stat.h>
#else
#include <unistd.h>
#endif

namespace nncore {
namespace {

namespace fs = std::filesystem;

// The few calls that the standard library lacks.
#ifdef _WIN32
int open_new(const fs::path& path) {
  return _wopen(path.c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
                _S_IREAD | _S_IWRITE);
}
auto write_some(int file, const std::byte* data, std::size_t size) {
  return _write(file, data, static_cast<unsigned>(size));
}
int sync(int file) { return _commit(file); }
int close_file(int file) { return _close(file); }
int process_id() { return _getpid(); }
bool is_writable(const fs::path& path) { return _waccess(path.c_str(), 2) == 0; }
void sync_directory(const fs::path&) {}
#else
int open_new(const fs::path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}
auto write_some(int file, const std::byte* data, std::size_t size) {
  return ::write(file, data, size);
}
int sync(int file) { return ::fsync(file); }
int close_file(int file) { return ::close(file); }
int process_id() { return static_cast<int>(::getpid()); }
bool is_writable(const fs::path& path) { return ::access(path.c_str(), W_OK) == 0; }
// Failures are passed over: the new file is in place and whole, and so is whatever a power cut
// would bring back.
void sync_directory(const fs::path& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}
#endif

[[noreturn]] void fail(const char* what, const std::error_code& code) {
  throw std::system_error(code, what);
}

[[noreturn]] void fail(const char* what, int code = errno) {
  fail(what, std::error_code(code, std::generic_category()));
}

// Follows links by hand, since the last one may point to a file that is yet to be made.
fs::path resolve_links(fs::path path) {
  constexpr int most_hops = 40;
  std::error_code error;
  for (int hop = 0; fs::is_symlink(fs::symlink_status(path, error)); ++hop) {
    if (hop == most_hops) fail("cannot follow its symbolic links", ELOOP);
    path = path.parent_path() / fs::read_symlink(path, error);
    if (error) fail("cannot follow its symbolic links", error);
  }
  return path;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& directory) {
    // A short name of its own, since the target's may leave no room for a suffix.
    static std::atomic<unsigned> counter = 0;
    do {
      path_ = directory / (".nncore-" + std::to_string(process_id()) + "-" +
                           std::to_string(counter++) + ".tmp");
      file_ = open_new(path_);
    } while (file_ < 0 && errno == EEXIST);
    if (file_ < 0) fail("cannot create a temporary file beside it");
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (file_ >= 0) close_file(file_);
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }

  void set_permissions(fs::perms permissions) {
    std::error_code error;
    fs::permissions(path_, permissions, error);
    if (error) fail("cannot set the permissions of a temporary file beside it", error);
  }

  void write(std::span<const std::byte> bytes) {
    // What every system's count can hold.
    constexpr std::size_t most_at_once = std::size_t{1} << 30;
    while (!bytes.empty()) {
      const auto written = write_some(file_, bytes.data(), std::min(bytes.size(), most_at_once));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  void move_to(const fs::path& target) {
    while (sync(file_) != 0) {
      if (errno != EINTR) fail("cannot be written to the disk");
    }
    close_file(std::exchange(file_, -1));
    std::error_code error;
    fs::rename(path_, target, error);
    if (error) fail("cannot take the place of the old file", error);
    path_.clear();
  }

 private:
  fs::path path_;
  int file_ = -1;
};

}  // namespace

void replace_file(const fs::path& path, std::span<const std::span<const std::byte>> pieces) {
  const fs::path target = resolve_links(path);
  const fs::path directory = target.has_parent_path() ? target.parent_path() : fs::path(".");
  std::error_code unknown;  // counts as no file: creating the temporary will say what is wrong
  const fs::file_status old = fs::status(target, unknown);
  if (fs::is_directory(old) || !target.has_filename()) fail("cannot be written", EISDIR);
  if (fs::exists(old)) {
    // A rename would replace a device or a write-protected file without asking.
    if (!fs::is_regular_file(old)) fail("is not a regular file", EINVAL);
    if (!is_writable(target)) fail("cannot be replaced");
  }
  TemporaryFile temporary(directory);
  // Before there is any content that others could read.
  if (fs::exists(old)) temporary.set_permissions(old.permissions() & fs::perms(0777));
  for (const auto piece : pieces) temporary.write(piece);
  temporary.move_to(target);
  sync_directory(directory);
}

}  // namespace nncore
