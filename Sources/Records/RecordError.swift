/// Why bytes are not what they claim to be. Whoever knows where the bytes came from says so around it.
package enum RecordError: Error, Hashable, CustomStringConvertible {
    /// The bytes end before the value does. The reader stays where it was.
    case truncated(needed: Int, remaining: Int)
    /// The bytes contradict themselves or the format.
    case corrupt(String)
    case crcMismatch(stored: UInt32, computed: UInt32)
    case unsupportedMagic(Int8)
    /// A codec number that Kafka has not given out (5, 6, 7).
    case unsupportedCodec(UInt8)
    /// More than the caller allows, or than the format can say. In bytes.
    case tooLarge(size: Int, limit: Int)

    package var description: String {
        switch self {
        case .truncated(let needed, let remaining): "truncated: \(needed) bytes needed, \(remaining) left"
        case .corrupt(let reason): "corrupt: \(reason)"
        case .crcMismatch(let stored, let computed):
            "checksum mismatch: 0x\(String(stored, radix: 16)) stored, 0x\(String(computed, radix: 16)) computed"
        case .unsupportedMagic(let magic): "record format \(magic) is not supported, only 2"
        case .unsupportedCodec(let codec): "compression codec \(codec) is unknown"
        case .tooLarge(let size, let limit): "too large: \(size) bytes, \(limit) allowed"
        }
    }
}
