// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a response of a DNS server: reading ends, stays inside, and gives only names
// and records that keep their bounds.

#include "runnel/core/check.hpp"
#include "runnel/flow/dns_message.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace {

using namespace runnel;

void check_name(const dns_name& name) {
    check(name.wire().size() <= dns_name::max_wire_size, "a name has at most 255 bytes");
    check(name.label_count() <= 127, "a name has at most 127 labels");
    const auto again = dns_name::parse(name.to_string());
    check(again.has_value() && again->is_identical(name), "the text of a name is that name");
    check(name.is_within(dns_name()) && name.is_within(name), "a name is within its ancestors");
}

void check_records(const std::vector<dns_record>& records) {
    check(records.size() <= dns_response::most_records, "a section is bounded");
    for (const dns_record& record : records) {
        check_name(record.name);
        if (const auto* name = std::get_if<dns_name>(&record.data)) {
            check_name(*name);
        } else if (const auto* srv = std::get_if<dns_srv>(&record.data)) {
            check_name(srv->target);
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span message(reinterpret_cast<const std::byte*>(data), size);
    for (std::size_t offset = 0; offset < size && offset < 64; ++offset) {
        const auto read = dns_name::read(message, offset, size);
        if (read) {
            check(read->next > offset && read->next <= size, "a name ends inside");
            check_name(read->name);
        }
    }
    const auto response = parse_dns_response(message);
    if (!response) {
        check(response.error() == errc::protocol_error, "malformed is a protocol error");
        return 0;
    }
    check_records(response->answers);
    check_records(response->authorities);
    if (response->question) {
        const dns_query query{.id = response->id, .question = *response->question};
        check(response->answers_to(query, true), "a response answers its own question");
        check(encode(query).size() <= 12 + dns_name::max_wire_size + 4 + 11, "a query is small");
    }
    return 0;
}
