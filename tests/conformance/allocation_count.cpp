// SPDX-License-Identifier: Apache-2.0
#include "allocation_count.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNNEL_OWN_NEW 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNNEL_OWN_NEW 0
#endif
#endif
#ifndef RUNNEL_OWN_NEW
#define RUNNEL_OWN_NEW 1
#endif

namespace runnel::conformance {
namespace {

thread_local std::uint64_t count = 0;

} // namespace

bool counts_allocations() noexcept {
    return RUNNEL_OWN_NEW != 0;
}

std::uint64_t allocations() noexcept {
    return count;
}

#if RUNNEL_OWN_NEW
namespace {

void* allocate(std::size_t size, std::size_t alignment) {
    ++count;
    const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
    void* memory = alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, rounded)
                                                         : std::malloc(size != 0 ? size : 1);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

} // namespace
#endif

} // namespace runnel::conformance

#if RUNNEL_OWN_NEW
void* operator new(std::size_t size) {
    return runnel::conformance::allocate(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return runnel::conformance::allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
    std::free(memory);
}
#endif
