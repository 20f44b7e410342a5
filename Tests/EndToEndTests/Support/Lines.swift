import Foundation

/// Log lines for tests: real ones where the corpus is there, else our own, each made unique.
struct Lines {
    /// The lines in file order, without their newline. A line is `KEY NUMBER TEXT`.
    let all: [[UInt8]]

    /// - Parameters:
    ///   - count: how many lines.
    ///   - keys: how many different keys, drawn by a seeded generator.
    ///   - first: the number of the first line.
    init(count: Int, keys: Int = 64, first: Int = 0) {
        var generator = Seeded(seed: UInt64(first) &+ 0x5EED)
        let texts = Self.texts
        all = (first..<first + count).map { number in
            let key = "host-\(Int(generator.next() % UInt64(keys)))"
            return Array("\(key) \(number) ".utf8) + texts[Int(generator.next() % UInt64(texts.count))]
        }
    }

    /// As a file's content: each line with its newline.
    var content: [UInt8] { Array(all.joined(separator: [10])) + (all.isEmpty ? [] : [10]) }

    static func key(of line: some Collection<UInt8>) -> [UInt8] { Array(line.prefix { $0 != UInt8(ascii: " ") }) }

    /// Texts to choose from: the corpus, with the CR that most of its lines end in.
    static let texts: [[UInt8]] = {
        guard let shared = Surroundings.shared,
            let names = try? FileManager.default.contentsOfDirectory(atPath: "\(shared)/corpus")
        else { return ownTexts }
        let files = names.filter { $0.hasSuffix(".log") }.sorted()
        let texts = files.flatMap { name -> [[UInt8]] in
            let data = FileManager.default.contents(atPath: "\(shared)/corpus/\(name)") ?? Data()
            return data.split(separator: 10).map(Array.init)
        }
        return texts.isEmpty ? ownTexts : texts
    }()

    private static let ownTexts: [[UInt8]] = {
        var generator = Seeded(seed: 7)
        let verbs = ["accepted connection from", "closed session of", "cannot resolve", "retries request to"]
        return (0..<2000).map { number in
            let verb = verbs[Int(generator.next() % 4)]
            let address = "10.\(generator.next() % 256).\(generator.next() % 256).\(generator.next() % 256)"
            return Array(
                "Nov 21 10:\(number % 60):00 web[\(number)]: \(verb) \(address):\(generator.next() % 65536)".utf8)
        }
    }()
}

/// SplitMix64: the same numbers on every run.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
