/// Bytes from hexadecimal digits.
func bytes(_ hex: some StringProtocol) -> [UInt8] {
    var bytes: [UInt8] = []
    var digits = hex.utf8.makeIterator()
    func value(_ digit: UInt8) -> UInt8 { digit < 0x3a ? digit - 0x30 : (digit | 0x20) - 0x57 }
    while let high = digits.next(), let low = digits.next() { bytes.append(value(high) << 4 | value(low)) }
    return bytes
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
