// SPDX-License-Identifier: Apache-2.0
#include "runnel/host/vsock_device.hpp"

#include "io_operation.hpp"
#include "runnel/async/event.hpp"
#include "runnel/async/scope.hpp"
#include "vhost_user.hpp"
#include "vsock_engine.hpp"

#include <array>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace runnel::inline v0::host {
namespace {

/// An engine whose notices to the guest go through descriptors.
class eventful_engine final : public vsock_engine {
public:
    using vsock_engine::vsock_engine;
    ~eventful_engine() override { stop_all(errc::aborted); }

    void notify_by(const vhost_notices* notices) noexcept { notices_ = notices; }

private:
    void interrupt(std::size_t queue) noexcept override {
        if (notices_ != nullptr && notices_->call[queue].get() >= 0) {
            constexpr std::uint64_t one = 1;
            // A counter that is full has been told enough.
            static_cast<void>(::write(notices_->call[queue].get(), &one, sizeof one));
        }
    }

    const vhost_notices* notices_ = nullptr;
};

/// A hypervisor that is served.
struct visit {
    visit(eventful_engine& of, unix_flow& with, bool may_shrink)
        : device(&of), client(&with), talk(of, may_shrink) {}

    eventful_engine* device;
    unix_flow* client;
    vhost_user talk;
    event changed{event_reset::automatic}; // the descriptors of the guest's notices
};

/// Hears the guest's notices of one queue until it is stopped.
task<void> watch(visit& of, unique_fd notices) {
    loop& here = loop::current();
    descriptor file(notices.get(), descriptor_kind::other);
    if (here.io().attach(file) != 0) {
        of.client->abort();
        co_return;
    }
    for (;;) {
        const result<int> ready =
            co_await io_operation(file, io_kind::readable, "notice of a guest");
        if (!ready) {
            break;
        }
        std::uint64_t count = 0;
        static_cast<void>(::read(notices.get(), &count, sizeof count));
        of.device->notice();
    }
    here.io().detach(file);
}

/// The watchers have descriptors of their own, so that they may be closed at any time elsewhere.
task<void> watch_until_changed(scope& watchers, visit& of) {
    for (const unique_fd& kick : of.talk.notices().kick) {
        if (kick.get() >= 0) {
            watchers.spawn(watch(of, unique_fd(::fcntl(kick.get(), F_DUPFD_CLOEXEC, 3))),
                           "notices of a guest");
        }
    }
    static_cast<void>(co_await of.changed.wait());
    watchers.request_stop();
}

task<void> watch_all(scope& all, visit& of) {
    while (!all.stop_requested()) {
        const auto body = [&of](scope& watchers) { return watch_until_changed(watchers, of); };
        static_cast<void>(co_await with_scope(body));
    }
}

/// Talks with the hypervisor until it hangs up. Gives why that is.
task<error> converse(visit& of) {
    std::uint64_t changes = of.talk.changes();
    for (;;) {
        result<received_descriptors> got = co_await of.client->receive_descriptors();
        if (!got) {
            co_return got.error();
        }
        result<buffer> answer = of.talk.hear(got->data.span(), std::move(got->descriptors));
        if (!answer) {
            co_return answer.error();
        }
        if (std::exchange(changes, of.talk.changes()) != of.talk.changes()) {
            of.changed.set();
        }
        const write_result sent = co_await of.client->write(std::move(*answer));
        if (!sent) {
            co_return sent.error();
        }
    }
}

task<error> serve(eventful_engine& device, flow_ptr client, bool may_shrink) {
    visit all(device, dynamic_cast<unix_flow&>(*client), may_shrink);
    device.notify_by(&all.talk.notices());
    error why = errc::end;
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): it outlives the scope
    const auto body = [&all, &why](scope& both) -> task<void> {
        both.spawn(watch_all(both, all), "notices of a guest");
        why = co_await converse(all);
        both.request_stop();
    };
    static_cast<void>(co_await with_scope(body));
    if (device.failure()) {
        why = *device.failure();
    }
    device.notify_by(nullptr);
    device.stop_all(error(errc::reset, "the guest's hypervisor went away"));
    co_return why;
}

} // namespace

class vsock_device::state {
public:
    state(listener_ptr at, const vsock_device_options& options)
        : hypervisors(std::move(at)), may_shrink(options.may_shrink),
          engine(std::make_shared<eventful_engine>(
              vsock_hub_options{.peer_cid = options.cid,
                                .window = options.window,
                                .max_connections = options.max_connections})) {}

    listener_ptr hypervisors;
    bool may_shrink;
    std::shared_ptr<eventful_engine> engine;
};

vsock_device::vsock_device(std::shared_ptr<state> all) noexcept : state_(std::move(all)) {}
vsock_device::vsock_device(vsock_device&&) noexcept = default;
vsock_device::~vsock_device() = default;

result<vsock_device> vsock_device::open(const unix_address& at,
                                        const vsock_device_options& options) {
    auto hypervisors = host::listen(at, unix_options());
    if (!hypervisors) {
        return fail(hypervisors.error());
    }
    return vsock_device(std::make_shared<state>(std::move(*hypervisors), options));
}

task<result<void>> vsock_device::run(std::function<void(const error& why)> told) {
    const std::shared_ptr<state> all = state_;
    for (;;) {
        auto client = co_await all->hypervisors->accept();
        if (!client) {
            co_return fail(client.error());
        }
        const error why = co_await serve(*all->engine, std::move(*client), all->may_shrink);
        if (told) {
            told(why);
        }
    }
}

task<result<flow_ptr>> vsock_device::connect(std::uint32_t port) {
    return vsock_hub::connect(state_->engine, port);
}

result<listener_ptr> vsock_device::listen(std::uint32_t port) {
    return state_->engine->listen(port);
}

} // namespace runnel::inline v0::host
