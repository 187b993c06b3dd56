#include "nncore/files.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#ifdef _WIN32
#include <io.h>
#include <process.h>
#include <sys/stat.h>

#include <fstream>
#else
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "io/path.hpp"

namespace nncore {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what, int code = errno) {
  throw FileError(what + ": " + std::generic_category().message(code), code);
}

[[noreturn]] void fail(const std::string& what, const std::error_code& error) {
  fail(what, error.default_error_condition().value());
}

// What the standard library lacks.
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
void check_protection(const fs::path& path) {
  if (_waccess(path.c_str(), 2) != 0) fail("cannot be replaced");
}
void sync_directory(const fs::path&) {}
constexpr bool moves_while_open = false;
bool lock_new(int, const fs::path&) { return true; }
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

// A rename would replace what is protected without asking.
void check_protection(const fs::path& path) {
  if (::access(path.c_str(), W_OK) != 0) fail("cannot be replaced");
  struct stat file{}, directory{};
  if (::stat(path.c_str(), &file) != 0) fail("cannot be replaced");
  // To root access() grants everything.
  constexpr auto writable = S_IWUSR | S_IWGRP | S_IWOTH;
  if ((file.st_mode & writable) == 0) fail("cannot be replaced", EACCES);
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (::stat(parent.c_str(), &directory) != 0 || (directory.st_mode & S_ISVTX) == 0) return;
  const auto user = ::geteuid();
  if (user != 0 && user != file.st_uid && user != directory.st_uid) {
    fail("cannot be replaced, as it is somebody else's and its directory sticky", EPERM);
  }
}

// Failures are ignored: the new file is in place and whole, and a power cut would bring back a
// whole file, too.
void sync_directory(const fs::path& directory) {
  const int file = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

constexpr bool moves_while_open = true;

#ifdef __EMSCRIPTEN__
bool lock_new(int, const fs::path&) { return true; }
#else
// flock's locks belong to the open file: other threads of this process meet them too, and they end
// with the process however it ends. False if somebody has taken the new file for an abandoned one.
bool lock_new(int file, const fs::path& path) {
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;  // or there are no locks
  return ::access(path.c_str(), F_OK) == 0;
}
#endif
#endif

// Names of temporary files: short, since the target's may leave no room for a suffix.
constexpr std::string_view temporary_start = ".nncore-save-";
constexpr std::string_view temporary_end = ".tmp", lock_end = ".lock";

std::string temporary_name() {
  static std::atomic<unsigned> counter = 0;
  return std::string(temporary_start) + std::to_string(process_id()) + "-" +
         std::to_string(counter++) + std::string(temporary_end);
}

std::string lock_name(int number) {
  return std::string(temporary_start) + std::to_string(number) + std::string(lock_end);
}

// Whether temporary_name() may have made it: two numbers with a dash between them.
bool is_temporary_name(std::string_view name) {
  if (!name.starts_with(temporary_start) || !name.ends_with(temporary_end)) return false;
  if (name.size() < temporary_start.size() + temporary_end.size()) return false;
  name.remove_prefix(temporary_start.size());
  name.remove_suffix(temporary_end.size());
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos) return false;
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.size() <= 10 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return is_number(name.substr(0, dash)) && is_number(name.substr(dash + 1));
}

// If the holder of that lock file is dead: removes the temporary file that it names, then the lock
// file. Returns whether there was a lock file.
bool remove_if_abandoned(const fs::path& lock);

#ifdef _WIN32
bool remove_if_abandoned(const fs::path& lock) {
  std::error_code error;
  const fs::file_type type = fs::symlink_status(lock, error).type();
  if (type != fs::file_type::regular) return type != fs::file_type::not_found;
  std::string name;
  std::getline(std::ifstream(lock, std::ios::binary), name);
  if (!name.empty() && !is_temporary_name(name)) return true;
  fs::remove(lock, error);  // which fails while somebody has it open
  if (!error && !name.empty()) fs::remove(lock.parent_path() / name, error);
  return true;
}
#elif defined(__EMSCRIPTEN__)
bool remove_if_abandoned(const fs::path& lock) {  // there is one process only
  std::error_code unknown;
  return fs::exists(fs::symlink_status(lock, unknown));
}
#else
// A regular file of this user, whose rights may be root's.
bool is_own_file(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
}

// Whoever gets the lock knows that the holder is dead. Where there are no locks, nobody gets one.
bool remove_if_abandoned(const fs::path& lock) {
  const int file = ::open(lock.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return errno != ENOENT;
  struct stat opened{}, named{};
  if (::fstat(file, &opened) == 0 && is_own_file(opened) && ::flock(file, LOCK_EX | LOCK_NB) == 0 &&
      ::lstat(lock.c_str(), &named) == 0 && named.st_dev == opened.st_dev &&
      named.st_ino == opened.st_ino) {
    std::array<char, 64> text{};
    const auto length = ::read(file, text.data(), text.size());
    const std::string name(text.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    const fs::path temporary = lock.parent_path() / name;
    const bool is_ours = name.empty() || is_temporary_name(name);
    if (is_ours && !name.empty() && ::lstat(temporary.c_str(), &named) == 0 && is_own_file(named)) {
      ::unlink(temporary.c_str());
    }
    if (is_ours) ::unlink(lock.c_str());
  }
  ::close(file);
  return true;
}
#endif

// What kind of thing a path leads to, if a file cannot replace it; empty for files and for nothing.
std::string_view special_kind(fs::file_type type) {
  switch (type) {
    case fs::file_type::character:
      return "is a character device";
    case fs::file_type::block:
      return "is a block device";
    case fs::file_type::fifo:
      return "is a FIFO";
    case fs::file_type::socket:
      return "is a socket";
    case fs::file_type::not_found:
    case fs::file_type::regular:
    case fs::file_type::directory:
      return "";
    default:
      return "is of an unknown kind";
  }
}

void check_kind(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type == fs::file_type::directory) fail("cannot be written", EISDIR);
  if (error == std::errc::too_many_symbolic_link_levels) {
    fail("cannot follow its symbolic links", error);
  }
  if (type == fs::file_type::none && error) fail("cannot be written", error);
  const std::string_view kind = special_kind(type);
  if (!kind.empty()) {
    throw FileError(std::string(kind) + ", not a regular file, and is not replaced", EINVAL);
  }
}

// The links of /proc/self/fd, to which /dev/stdout leads, stand for open files: a new file under
// the same name would not be what the process has open.
void check_no_open_file(const fs::path& link) {
  std::error_code error;
  const fs::path parent = link.has_parent_path() ? link.parent_path() : fs::path(".");
  const std::string directory = fs::canonical(parent, error).generic_string();
  if (directory.starts_with("/proc/") || directory == "/dev/fd") {
    throw FileError("leads to a file that a process has open, which is not replaced", EINVAL);
  }
}

// Follows links by hand, since the last one may point to a file that is yet to be made.
fs::path resolve_links(fs::path path) {
  constexpr int most_hops = 40;
  std::error_code error;
  for (int hop = 0; fs::is_symlink(fs::symlink_status(path, error)); ++hop) {
    if (hop == most_hops) fail("cannot follow its symbolic links", ELOOP);
    check_no_open_file(path);
    path = path.parent_path() / fs::read_symlink(path, error);
    if (error) fail("cannot follow its symbolic links", error);
  }
  return path;
}

// Where a file is to be written, found to be a place where one can be.
struct Target {
  explicit Target(const fs::path& given) {
    check_kind(given);
    path = resolve_links(given);
    if (path.has_parent_path()) directory = path.parent_path();
    if (!path.has_filename()) fail("cannot be written", EISDIR);
    std::error_code error;
    const fs::file_status old = fs::status(path, error);
    if (!fs::exists(old)) return;
    check_protection(path);
    permissions = old.permissions() & fs::perms(0777);
  }

  fs::path path, directory = ".";
  std::optional<fs::perms> permissions;  // the old file's, if there is one
};

// Names a temporary file for as long as its writer lives, so that others find it afterwards without
// looking at every file in the directory: a lock file with a small number, in which its name stands
// before it is made. Making one removes what dead writers have left.
class TemporaryLock {
 public:
  TemporaryLock(const fs::path& directory, const std::string& name) {
    // Numbers that are free lie between taken ones where writers have come and gone.
    constexpr int most_free = 16;
    for (int number = 0, free = 0; file_ < 0 || free < most_free; ++number) {
      const fs::path path = directory / lock_name(number);
      free = remove_if_abandoned(path) ? 0 : free + 1;
      if (file_ < 0) take(path, name);
    }
  }
  TemporaryLock(const TemporaryLock&) = delete;
  TemporaryLock& operator=(const TemporaryLock&) = delete;
  ~TemporaryLock() { release(); }

 private:
  // Unless somebody has it.
  void take(const fs::path& path, const std::string& name) {
    file_ = open_new(path);
    if (file_ < 0 && errno == EEXIST) return;
    if (file_ < 0) fail("cannot create a file in " + path_text(path.parent_path()));
    path_ = path;
    if (!lock_new(file_, path)) {
      path_.clear();
      release();
      return;
    }
    while (write_some(file_, reinterpret_cast<const std::byte*>(name.data()), name.size()) < 0) {
      if (errno == EINTR) continue;
      const int code = errno;
      release();
      fail("cannot be written", code);
    }
  }

  void release() {
    std::error_code ignored;
    if (moves_while_open && !path_.empty()) fs::remove(path_, ignored);  // while it is locked
    if (file_ >= 0) close_file(std::exchange(file_, -1));
    if (!moves_while_open && !path_.empty()) fs::remove(path_, ignored);
    path_.clear();
  }

  fs::path path_;
  int file_ = -1;
};

class TemporaryFile {
 public:
  explicit TemporaryFile(const Target& target) {
    for (;;) {
      const std::string name = temporary_name();
      lock_.emplace(target.directory, name);
      path_ = target.directory / name;
      file_ = open_new(path_);
      if (file_ >= 0) break;
      if (errno == EEXIST) continue;
      const int code = errno;
      path_.clear();
      fail("cannot create a file in " + path_text(target.directory), code);
    }
    // Before there is any content that others could read.
    if (target.permissions) set_permissions(*target.permissions);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (file_ >= 0) close_file(file_);
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
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

  // Whether it got there; false if somebody has removed the temporary file.
  bool move_to(const fs::path& target) {
    while (sync(file_) != 0) {
      if (errno != EINTR) fail("cannot be written to the disk");
    }
    if (!moves_while_open) close_file(std::exchange(file_, -1));
    std::error_code error;
    fs::rename(path_, target, error);
    if (error) {
      std::error_code unknown;
      if (!fs::exists(fs::symlink_status(path_, unknown))) return false;
      fail("cannot take the place of the old file", error);
    }
    path_.clear();
    return true;
  }

 private:
  void set_permissions(fs::perms permissions) {
    std::error_code error;
    fs::permissions(path_, permissions, error);
    if (error) {
      fs::remove(path_, error);  // no destructor runs for what was never made
      close_file(file_);
      fail("cannot set the permissions of a temporary file beside it", error);
    }
  }

  std::optional<TemporaryLock> lock_;  // goes last
  fs::path path_;
  int file_ = -1;
};

}  // namespace

void replace_file(const Path& path, std::span<const std::span<const std::byte>> pieces) {
  const Target target(path.native());
  // Programs that tidy up, and servers whose locks do not reach other machines, may remove a
  // temporary file that is in use.
  for (int attempt = 0; attempt < 3; ++attempt) {
    TemporaryFile temporary(target);
    for (const auto piece : pieces) temporary.write(piece);
    if (temporary.move_to(target.path)) {
      sync_directory(target.directory);
      return;
    }
  }
  fail("cannot be written, as something removes temporary files from its directory", ENOENT);
}

void check_replaceable(const Path& path, std::uint64_t bytes) {
  const Target target(path.native());
  TemporaryFile temporary(target);
  static std::array<std::byte, 1 << 16> zeros{};  // a constant would be in the library's file
  for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, zeros.size())) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, zeros.size()));
    temporary.write(std::span(zeros).first(count));
  }
}

}  // namespace nncore
