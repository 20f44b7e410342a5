import CPCRE2
package import Records
package import Settings

/// A regular expression (PCRE2, compiled to machine code where the machine can), matched against bytes as they are.
///
/// One call takes a whole batch. Its limits bound how long one event can take; an event that reaches them does not
/// match, and is counted.
@safe
package final class Pattern: @unchecked Sendable {  // the compiled code is read-only; the match data has one user
    package let text: String
    private let code: OpaquePointer
    private let match: OpaquePointer
    private let limits: OpaquePointer
    /// Groups in the pattern.
    package let groups: Int
    /// Events that were given up at the limits.
    package private(set) var exhausted = 0

    /// Steps of matching that one event may take, before it counts as no match. PCRE2's own default is ten times this.
    private static let stepLimit: UInt32 = 1_000_000

    /// - Throws: what is wrong with the pattern, and at which byte.
    package init(_ text: String) throws(ScalarProblem) {
        var failure: Int32 = 0
        var place = 0
        let bytes = Array(text.utf8)
        // Safety: all pointers outlive the call; PCRE2 copies what it keeps.
        let compiled = unsafe bytes.withUnsafeBufferPointer {
            unsafe pcre2_compile_8($0.baseAddress, $0.count, 0, &failure, &place, nil)
        }
        guard let compiled = unsafe compiled else {
            throw ScalarProblem(
                "expected a regular expression, found \"\(text)\": \(Self.message(failure)) at byte \(place)")
        }
        // Not every machine can; then PCRE2 interprets.
        _ = unsafe pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
        var count: UInt32 = 0
        _ = unsafe pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
        guard let data = unsafe pcre2_match_data_create_8(count + 1, nil),
            let limits = unsafe pcre2_match_context_create_8(nil)
        else {
            unsafe pcre2_code_free_8(compiled)
            throw ScalarProblem("there is no memory for the regular expression \"\(text)\"")
        }
        _ = unsafe pcre2_set_match_limit_8(limits, Self.stepLimit)
        self.text = text
        groups = Int(count)
        unsafe code = compiled
        unsafe match = data
        unsafe self.limits = limits
    }

    deinit {
        // Safety: made in `init`, used by nobody any more.
        unsafe pcre2_match_context_free_8(limits)
        unsafe pcre2_match_data_free_8(match)
        unsafe pcre2_code_free_8(code)
    }

    /// Keeps the events whose value matches, or those whose value does not.
    /// - Returns: how many were dropped.
    package func filter(_ batch: inout EventBatch, keepingMatches: Bool) -> Int {
        var kept = 0
        let count = batch.events.count
        let block = batch.block
        // Safety: the block and the array outlive the closures; indices stay below `count`.
        unsafe block.bytes.withUnsafeBytes { bytes in
            unsafe batch.events.withUnsafeMutableBufferPointer { events in
                var isKept = true
                for index in 0..<count {
                    let event = unsafe events[index]
                    // The later parts of a split line go with their first, as far as that is in the batch.
                    if index == 0 || !event.flags.contains(.continuation) {
                        isKept = unsafe matches(event.value, bytes) == keepingMatches
                    }
                    guard isKept else { continue }
                    unsafe events[kept] = event
                    kept += 1
                }
            }
        }
        batch.events.removeSubrange(kept...)
        return count - kept
    }

    /// Makes the first group the key of each event that matches (the whole match if the pattern has no group).
    /// - Returns: how many events got none: no match, or the group took no part in it.
    package func key(_ batch: inout EventBatch) -> Int {
        var without = 0
        let count = batch.events.count
        let group = groups > 0 ? 1 : 0
        let block = batch.block
        // Safety: the block and the array outlive the closures; indices stay below `count`.
        unsafe block.bytes.withUnsafeBytes { bytes in
            unsafe batch.events.withUnsafeMutableBufferPointer { events in
                var previous = Slice.none
                for index in 0..<count {
                    let event = unsafe events[index]
                    // The later parts of a split line go where their first went.
                    if !event.flags.contains(.continuation) {
                        previous = unsafe matches(event.value, bytes) ? span(of: group, in: event.value) : .none
                        if previous.isNone { without += 1 }
                    }
                    unsafe events[index].key = previous
                }
            }
        }
        return without
    }

    @inline(__always)
    private func matches(_ value: Slice, _ bytes: UnsafeRawBufferPointer) -> Bool {
        // Safety: slices of a batch lie within its block; the pointers outlive the call.
        let subject = unsafe bytes.baseAddress?.advanced(by: Int(value.start)).assumingMemoryBound(to: UInt8.self)
        let result = unsafe pcre2_match_8(code, subject, Int(value.length), 0, 0, match, limits)
        if result < PCRE2_ERROR_NOMATCH { exhausted += 1 }
        return result > 0
    }

    /// Where a group of the last match stands.
    private func span(of group: Int, in value: Slice) -> Slice {
        // Safety: the match data has a pair for each group, and the last match succeeded.
        let ends = unsafe pcre2_get_ovector_pointer_8(match)!
        let (start, end) = unsafe (ends[2 * group], ends[2 * group + 1])
        // An unset group is all ones; `\K` in a look-ahead can even turn the ends round.
        guard start >= 0, start <= end, end <= Int(value.length) else { return .none }
        return Slice(start: value.start + UInt32(start), length: UInt32(end - start))
    }

    private static func message(_ code: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        // Safety: the count is that of the buffer; PCRE2 ends the text with a zero.
        let count = unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe pcre2_get_error_message_8(code, $0.baseAddress, $0.count)
        }
        return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
    }
}

/// A regular expression in a pipeline file: refused there if it does not compile.
package struct PatternText: OptionScalar, Hashable {
    package var text: String

    package static var kind: OptionKind { .other("regular expression") }
    package static var expected: String { "a regular expression" }
    package var optionText: String? { text }

    package static func parse(_ text: String) throws(ScalarProblem) -> PatternText? {
        _ = try Pattern(text)
        return PatternText(text: text)
    }
}
