import TestSupport
import Testing

/// Bytes that nobody wrote, from seeds: no parser of bytes from disk traps or hangs.
@Suite struct FuzzTests {
    @Test("no bytes in the place of any file stop the process", .timeLimit(.minutes(10)), arguments: 0..<2)
    func mutations(part: Int) {
        #expect(FuzzEntry.files.count > 10, "files of a small data directory")
        for seed in Seeds.some(400) where seed % 2 == UInt64(part) {
            var random = SeededGenerator(seed: seed)
            let file = UInt8(Int.random(in: 0...FuzzEntry.files.count, using: &random))
            let isEdit = UInt8.random(in: 0...3, using: &random) != 0
            let count = isEdit ? 3 * Int.random(in: 1...6, using: &random) : Int.random(in: 0...200, using: &random)
            FuzzEntry.run([file, isEdit ? 1 : 0] + random.bytes(count))
        }
    }
}
