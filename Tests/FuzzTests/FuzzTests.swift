import FuzzEntries
import TestSupport
import Testing

/// Bytes that nobody wrote, from seeds: no parser traps, hangs, or says twice what it read once.
@Suite struct FuzzTests {
    private static let seeds = FuzzEntry.seeds

    @Test("every entry takes the inputs that a fuzzer begins with", arguments: FuzzEntry.allCases)
    func meaning(entry: FuzzEntry) {
        let own = Self.seeds.filter { $0.first == entry.rawValue }
        #expect(!own.isEmpty)
        for seed in own { #expect(FuzzEntry.complaint(about: seed) == nil) }
    }

    @Test(
        "no bytes, wherever they are read, stop the process or are believed and then denied",
        .timeLimit(.minutes(20)), arguments: FuzzEntry.allCases)
    func mutations(entry: FuzzEntry) throws {
        let own = Self.seeds.filter { $0.first == entry.rawValue }
        for seed in Seeds.some(40) {
            var random = SeededGenerator(seed: seed)
            var input = try #require(own.randomElement(using: &random))
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 1..<max(2, input.count), using: &random)
                guard place < input.count else { continue }
                switch Int.random(in: 0..<4, using: &random) {
                case 0: input.removeLast(input.count - place)
                case 1: input.insert(contentsOf: random.bytes(Int.random(in: 1...20, using: &random)), at: place)
                default: input[place] ^= UInt8.random(in: 1...255, using: &random)
                }
            }
            #expect(FuzzEntry.complaint(about: input) == nil, "seed \(seed): \(input)")
        }
    }
}
