// SPDX-License-Identifier: Apache-2.0
#include "runnel/async/stop.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace runnel {
namespace {

struct recorder : stop_callback {
    recorder()
        : stop_callback([](stop_callback& self, stop_reason reason) noexcept {
              auto& callback = static_cast<recorder&>(self);
              callback.reasons.push_back(reason);
              if (callback.also_unlinks != nullptr) {
                  callback.also_unlinks->unlink();
              }
          }) {}
    std::vector<stop_reason> reasons;
    stop_callback* also_unlinks = nullptr;
};

const std::vector<stop_reason> cancelled_once{stop_reason::cancelled};
const std::vector<stop_reason> nothing;

TEST(StopSource, CallsWhatIsLinkedOnce) {
    stop_source source;
    recorder first;
    recorder second;
    source.add(first);
    source.add(second);
    EXPECT_FALSE(source.stop_requested());
    source.request_stop();
    source.request_stop(stop_reason::deadline);
    EXPECT_TRUE(source.stop_requested());
    EXPECT_EQ(source.reason(), stop_reason::cancelled);
    EXPECT_EQ(first.reasons, cancelled_once);
    EXPECT_EQ(second.reasons, cancelled_once);
    EXPECT_FALSE(first.linked());
}

TEST(StopSource, DoesNotCallWhatIsGone) {
    stop_source source;
    recorder first;
    recorder unlinked;
    source.add(first);
    source.add(unlinked);
    {
        recorder destroyed;
        source.add(destroyed);
    }
    unlinked.unlink();
    source.request_stop();
    EXPECT_EQ(first.reasons, cancelled_once);
    EXPECT_EQ(unlinked.reasons, nothing);
}

TEST(StopSource, LetsACallbackUnlinkOthers) {
    stop_source source;
    recorder victim;
    recorder innocent;
    recorder culprit;
    culprit.also_unlinks = &victim;
    source.add(victim);
    source.add(innocent);
    source.add(culprit); // the last to be linked is called first
    source.request_stop();
    EXPECT_EQ(culprit.reasons, cancelled_once);
    EXPECT_EQ(innocent.reasons, cancelled_once);
    EXPECT_EQ(victim.reasons, nothing);
}

TEST(StopSource, StopsEverythingBelowWithTheReason) {
    stop_source root;
    stop_source child(&root);
    stop_source grandchild(&child);
    stop_source sibling(&root);
    recorder leaf;
    grandchild.add(leaf);
    child.request_stop(stop_reason::deadline);
    EXPECT_EQ(leaf.reasons, std::vector{stop_reason::deadline});
    EXPECT_EQ(grandchild.reason(), stop_reason::deadline);
    EXPECT_FALSE(root.stop_requested());
    EXPECT_FALSE(sibling.stop_requested());
    root.request_stop(stop_reason::cancelled);
    EXPECT_EQ(sibling.reason(), stop_reason::cancelled);
    EXPECT_EQ(child.reason(), stop_reason::deadline);
}

TEST(StopSource, StopsAtOnceBelowOneThatHasStopped) {
    stop_source root;
    root.request_stop(stop_reason::deadlock);
    const stop_source child(&root);
    EXPECT_EQ(child.reason(), stop_reason::deadlock);
}

TEST(StopSource, LeavesItsParentWhenDestroyed) {
    stop_source root;
    auto child = std::make_unique<stop_source>(&root);
    child.reset();
    root.request_stop();
    EXPECT_TRUE(root.stop_requested());
}

TEST(StopReason, BecomesTheErrorOfTheOperation) {
    EXPECT_EQ(to_error(stop_reason::cancelled), errc::cancelled);
    EXPECT_EQ(to_error(stop_reason::deadlock), errc::deadlock);
    EXPECT_EQ(to_error(stop_reason::deadline), errc::timed_out);
    EXPECT_EQ(to_error(stop_reason::deadline).text(), "deadline passed");
}

} // namespace
} // namespace runnel
