import Glibc

/// Random numbers that come again from the same seed (SplitMix64). Property tests print their seed when they fail.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// `count` bytes out of `alphabet`; out of all 256 without one.
    package mutating func bytes(_ count: Int, from alphabet: [UInt8]? = nil) -> [UInt8] {
        guard let alphabet else { return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
        return (0..<count).map { _ in alphabet.randomElement(using: &self) ?? 0 }
    }
}

/// Seeds for property tests: as arguments of a test, a failure prints the one it needs to come again.
package enum Seeds {
    /// `count` seeds in a row from `PENSTOCK_SEED` (a number), else from 1.
    package static func some(_ count: Int) -> [UInt64] {
        // Safety: tests do not change the environment; the string is copied at once.
        let text = unsafe getenv("PENSTOCK_SEED").map { unsafe String(cString: $0) } ?? ""
        let first = UInt64(text) ?? UInt64(text.prefix(15), radix: 16) ?? 1
        return (0..<UInt64(count)).map { first &+ $0 }
    }
}
