import Records
import TestSupport
import Testing

@testable import CommitLog

@Suite struct CleanerMapTests {
    @Test("the map says of every key what a dictionary says, up to where it is full", arguments: Seeds.some(20))
    func model(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let map = try CleanerMap(bytes: Int.random(in: 4_096...60_000, using: &random))
        let alphabet = (0..<UInt8.random(in: 2...255, using: &random)).map { $0 }
        let longest = Int.random(in: 1...40, using: &random)
        var model: [[UInt8]: Offset] = [:]
        var refused: Set<[UInt8]> = []
        for offset in 0..<Offset(4_000) {
            let key = random.bytes(Int.random(in: 0...longest, using: &random), from: alphabet)
            if map.put(key.rawSpan, offset) {
                model[key] = offset
            } else {
                #expect(model[key] == nil, "a known key finds no room")
                refused.insert(key)
            }
        }
        #expect(map.count == model.count)
        for (key, offset) in model { #expect(map.offset(of: key.rawSpan) == offset) }
        for key in refused where model[key] == nil { #expect(map.offset(of: key.rawSpan) == nil) }
    }

    @Test(
        "all of the memory is used, whatever the length of the keys",
        arguments: [(length: 4, least: 28_000), (20, 20_000), (60, 11_000), (200, 4_600)])
    func capacity(length: Int, least: Int) throws {
        let map = try CleanerMap(bytes: 1 << 20)
        var key = [UInt8](repeating: 7, count: length)
        for number in 0..<Int32.max {
            withUnsafeBytes(of: number) { for (place, byte) in $0.enumerated() { key[place] = byte } }
            guard map.put(key.rawSpan, Offset(number)) else { break }
        }
        #expect(map.count >= least, "\(map.count) keys")
    }

    @Test("a key longer than the limit is refused, and the map goes on")
    func longKeys() throws {
        let map = try CleanerMap(bytes: 8_192)
        let long = [UInt8](repeating: 1, count: map.keyLimit + 1)
        let longest = [UInt8](repeating: 1, count: map.keyLimit)
        let none: [UInt8] = []
        #expect(!map.put(long.rawSpan, 1) && map.offset(of: long.rawSpan) == nil)
        #expect(map.put(longest.rawSpan, 2) && map.offset(of: longest.rawSpan) == 2)
        #expect(map.put(none.rawSpan, 3) && map.put(none.rawSpan, 4) && map.offset(of: none.rawSpan) == 4)
    }
}
