// SPDX-License-Identifier: Apache-2.0
#include "background_server.hpp"

#include "places.hpp"

#include "runnel/async/blocking.hpp"

namespace runnel::inline v0::program {

task<result<endpoint>> background_server::start(scope& beside) {
    beside.spawn(run_thread(loop::current()), "server");
    static_cast<void>(co_await ready_.wait());
    co_return place_ ? *place_ : fail(errc::cancelled);
}

task<void> background_server::run_thread(loop& home) {
    const auto call = [this, &home] { return run_loop(home); };
    const result<void> done = co_await run_blocking(call);
    if (!place_) {
        place_ = fail(done ? error(errc::closed) : done.error());
        ready_.set();
    } else if (!done) {
        session_.complain(done.error());
    }
}

result<void> background_server::run_loop(loop& home) {
    loop_options options;
    options.backend = session_.globals.backend;
    result<std::unique_ptr<loop>> made = loop::create(options);
    if (!made) {
        return fail(made.error());
    }
    return (*made)->run(serve(home));
}

task<result<void>> background_server::serve(loop& home) {
    result<listener_ptr> listener = co_await open_listener(at_, false);
    if (!listener) {
        co_return fail(listener.error());
    }
    const std::string place = place_of(**listener, at_) + at_.params().to_string();
    home.post([this, place] {
        place_ = endpoint::parse(place);
        ready_.set();
    });
    worker work(session_, options_, numbers_, 0, *std::move(listener), make_handler_());
    lane_.open(work);
    result<void> done = co_await work.run();
    lane_.close();
    co_return done;
}

} // namespace runnel::inline v0::program
