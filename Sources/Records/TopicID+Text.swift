extension TopicID: CustomStringConvertible {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// 22 characters of URL-safe base64 without padding, as `partition.metadata` and Kafka's tools show it.
    package var description: String {
        // 128 bits in groups of six from the top; the last character holds two bits and four zeros.
        String(
            decoding: (0..<22).map { place in Self.alphabet[Int(sextet(place))] }, as: UTF8.self)
    }

    /// Reads what ``description`` wrote; nil for anything else.
    package init?(text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 22 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (place, character) in characters.enumerated() {
            guard let value = Self.alphabet.firstIndex(of: character) else { return nil }
            let bits = place == 21 ? 2 : 6
            guard bits == 6 || value & 0x0f == 0 else { return nil }
            high = high << UInt64(bits) | low >> UInt64(64 - bits)
            low = low << UInt64(bits) | UInt64(bits == 6 ? value : value >> 4)
        }
        self.init(high: high, low: low)
    }

    private func sextet(_ place: Int) -> UInt64 {
        let shift = 122 - 6 * place
        if shift < 0 { return low << 4 & 0x3f }
        let shifted = shift >= 64 ? high >> UInt64(shift - 64) : high << UInt64(64 - shift) | low >> UInt64(shift)
        return shifted & 0x3f
    }
}
