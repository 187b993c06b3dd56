// Exceptions in WebAssembly. The standard library that is linked was built without them, so what
// compiled code asks of its runtime is here: throwing, catching, exception_ptr, and the choice of a
// handler. The machine itself unwinds.
//
// One thread. Handlers name classes with at most one base each, and catch by reference or as (...).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>
#include <typeinfo>

// The one kind of WebAssembly exception there is; it carries a Flight.
asm(".globl __cpp_exception\n"
    ".tagtype __cpp_exception i32\n"
    "__cpp_exception:\n");

extern "C" char _ZTVN10__cxxabiv120__si_class_type_infoE[];  // table of a type with one base

namespace {

using Destructor = void* (*)(void*);

// Stands in front of an exception object.
struct alignas(16) Header {
  const std::type_info* type;
  Destructor destroy;
  std::size_t users;  // flights, and exception_ptrs
};

Header* header_of(void* object) { return static_cast<Header*>(object) - 1; }
void* object_of(Header* header) { return header + 1; }

void release(Header* header) {
  if (--header->users > 0) return;
  if (header->destroy) header->destroy(object_of(header));
  std::free(header);
}

// An exception on its way from a throw to the end of the last handler that it enters.
struct Flight {
  Header* header;
  int handlers;    // that it is in
  bool rethrown;   // on its way again, so that the end of its handlers is not its own
  Flight* caught;  // before it, by handlers that have not ended
};

Flight* last_caught = nullptr;
unsigned in_flight = 0;

[[noreturn]] void fly(Flight* flight) {
  ++in_flight;
  __builtin_wasm_throw(0, flight);
}

[[noreturn]] void start(Header* header) {
  auto* flight = static_cast<Flight*>(std::malloc(sizeof(Flight)));
  if (!flight) __builtin_trap();
  *flight = {header, 0, false, nullptr};
  ++header->users;
  fly(flight);
}

// Numbers of seven bits a byte, as the tables of handlers have them.
struct TableReader {
  const unsigned char* at;

  std::uint32_t unsigned_number() {
    std::uint32_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const unsigned byte = *at++;
      number |= (byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
  }
  std::int32_t signed_number() {
    std::uint32_t number = 0;
    for (unsigned shift = 0;;) {
      const unsigned byte = *at++;
      number |= (byte & 0x7F) << shift;
      shift += 7;
      if (byte < 0x80) {
        if (shift < 32 && (byte & 0x40)) number |= ~std::uint32_t{0} << shift;
        return static_cast<std::int32_t>(number);
      }
    }
  }
};

// Whether handlers of that type, null being (...), take exceptions of the other one.
bool catches(const std::type_info* handler, const std::type_info* thrown) {
  struct SingleBase {
    const void* table;
    const char* name;
    const std::type_info* base;
  };
  while (handler && *handler != *thrown) {
    const auto* type = reinterpret_cast<const SingleBase*>(thrown);
    if (type->table != _ZTVN10__cxxabiv120__si_class_type_infoE + 2 * sizeof(void*)) return false;
    thrown = type->base;
  }
  return true;
}

// The number of the first handler that takes the type, among those of one try block; 0 if none
// does. The table: an encoding of addresses to leave out, that of the types, their distance, that
// of the try blocks, the size of their table; for each try block itself and its first action; the
// actions, each a type and the way to the next one; the types' addresses, backwards.
std::uint32_t handler_for(const unsigned char* table, std::uint32_t try_block,
                          const std::type_info* thrown) {
  constexpr unsigned char omitted = 0xFF;
  TableReader reader{table};
  if (*reader.at++ != omitted) __builtin_trap();
  if (*reader.at++ == omitted) return 0;
  const std::uint32_t distance = reader.unsigned_number();
  const auto* types = reinterpret_cast<const std::type_info* const*>(reader.at + distance);
  ++reader.at;
  const std::uint32_t size = reader.unsigned_number();
  const unsigned char* const actions = reader.at + size;
  std::uint32_t action = 0;
  for (std::uint32_t i = 0; i <= try_block; ++i) {
    if (reader.at >= actions) __builtin_trap();
    reader.unsigned_number();
    action = reader.unsigned_number();
  }
  if (action == 0) return 0;
  for (TableReader at{actions + action - 1};;) {
    const std::int32_t type = at.signed_number();
    if (type > 0 && catches(types[-type], thrown)) return static_cast<std::uint32_t>(type);
    TableReader next = at;
    const std::int32_t way = next.signed_number();
    if (way == 0) return 0;
    at.at += way;
  }
}

}  // namespace

extern "C" {

// Where compiled code says which try block it asks for, and finds the handler's number.
struct {
  std::uint32_t try_block;
  const unsigned char* table;
  std::uint32_t handler;
} __wasm_lpad_context;

int _Unwind_CallPersonality(void* flight) {
  auto& context = __wasm_lpad_context;
  context.handler =
      handler_for(context.table, context.try_block, static_cast<Flight*>(flight)->header->type);
  return 0;
}

int __gxx_personality_wasm0(...) { __builtin_trap(); }  // named by compiled code, never called

void* __cxa_allocate_exception(std::size_t size) noexcept {
  auto* header = static_cast<Header*>(std::malloc(sizeof(Header) + size));
  if (!header) __builtin_trap();
  return object_of(header);
}
void __cxa_free_exception(void* object) noexcept { std::free(header_of(object)); }

void __cxa_throw(void* object, std::type_info* type, Destructor destroy) {
  Header* header = header_of(object);
  *header = {type, destroy, 0};
  start(header);
}

void* __cxa_get_exception_ptr(void* flight) noexcept {
  return object_of(static_cast<Flight*>(flight)->header);
}

void* __cxa_begin_catch(void* thrown) noexcept {
  auto* flight = static_cast<Flight*>(thrown);
  --in_flight;
  ++flight->handlers;
  flight->rethrown = false;
  if (flight != last_caught) {
    flight->caught = last_caught;
    last_caught = flight;
  }
  return object_of(flight->header);
}

void __cxa_end_catch() {
  Flight* flight = last_caught;
  if (!flight || --flight->handlers > 0) return;
  last_caught = flight->caught;
  if (flight->rethrown) return;
  release(flight->header);
  std::free(flight);
}

void __cxa_rethrow() {
  if (!last_caught) std::terminate();
  last_caught->rethrown = true;
  fly(last_caught);
}

// What exception_ptr is made of.
void __cxa_increment_exception_refcount(void* object) noexcept {
  if (object) ++header_of(object)->users;
}
void __cxa_decrement_exception_refcount(void* object) noexcept {
  if (object) release(header_of(object));
}
void* __cxa_current_primary_exception() noexcept {
  if (!last_caught) return nullptr;
  void* object = object_of(last_caught->header);
  __cxa_increment_exception_refcount(object);
  return object;
}
void __cxa_rethrow_primary_exception(void* object) {
  if (object) start(header_of(object));
}
std::type_info* __cxa_current_exception_type() {
  return last_caught ? const_cast<std::type_info*>(last_caught->header->type) : nullptr;
}
unsigned __cxa_uncaught_exceptions() noexcept { return in_flight; }
bool __cxa_uncaught_exception() noexcept { return in_flight > 0; }

// Destructors of thread_local objects: the thread does not end before the instance does.
int __cxa_thread_atexit(void (*)(void*), void*, void*) noexcept { return 0; }

}  // extern "C"

// The library's own end the instance where there is no more memory.
void* operator new(std::size_t size) {
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(unit, (size + unit - 1) / unit * unit)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return ::operator new(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
