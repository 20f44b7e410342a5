import CommitLog
import Records

/// What is known of the content of a file that was read up to a position: how it began, and what stood just before the
/// position. Two files that agree in both are taken for one; see ``SourcePosition``.
struct Fingerprint: Equatable {
    /// Bytes of the beginning that are remembered.
    static let headLimit = 1024
    /// Bytes before the position that are remembered.
    static let tailLimit = 256

    private(set) var headLength = 0
    private(set) var headHash: UInt32 = 0
    /// The bytes just before the position, for as long as the file is read by this process.
    private(set) var tail: [UInt8] = []

    init() {}

    /// What a committed position remembers. The bytes themselves come from the file, once they are known to agree.
    init(_ position: SourcePosition, tail: [UInt8]) {
        headLength = Int(position.headLength)
        headHash = UInt32(truncatingIfNeeded: position.headHash)
        self.tail = tail
    }

    /// What the first `size` bytes of a file give.
    /// - Returns: nil if it has fewer.
    init?(of file: any DiskFile, upTo size: Int64) throws(DiskError) {
        let head = try file.readBytes(at: 0, count: Int(min(size, Int64(Self.headLimit))))
        let tailLength = min(size, Int64(Self.tailLimit))
        tail = try file.readBytes(at: size - tailLength, count: Int(tailLength))
        guard tail.count == tailLength, head.count == min(size, Int64(Self.headLimit)) else { return nil }
        (headLength, headHash) = (head.count, crc32c(head.rawSpan))
    }

    /// Takes in the bytes between the old position and the new one.
    /// - Parameter offset: the old position.
    mutating func advance(over bytes: RawSpan, from offset: Int64) {
        if headLength < Self.headLimit, offset == Int64(headLength) {
            let count = min(Self.headLimit - headLength, bytes.byteCount)
            headHash = crc32c(bytes.extracting(0..<count), continuing: headHash)
            headLength += count
        }
        let fresh = min(Self.tailLimit, bytes.byteCount)
        tail.removeFirst(max(0, tail.count + fresh - Self.tailLimit))
        for index in (bytes.byteCount - fresh)..<bytes.byteCount {
            tail.append(bytes.byte(at: index))
        }
    }

    var tailHash: UInt64 { Self.hash(tail) }

    private static func hash(_ bytes: [UInt8]) -> UInt64 { UInt64(crc32c(bytes.rawSpan)) }

    /// Whether `bytes`, read before the position, are the ones remembered.
    func tailMatches(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount == tail.count else { return false }
        for index in tail.indices where bytes.byte(at: index) != tail[index] { return false }
        return true
    }

    /// Whether a file holds the content that a committed position was taken in.
    /// - Returns: the bytes before the position if it does, nil if it does not.
    static func match(_ position: SourcePosition, in file: any DiskFile) throws(DiskError) -> [UInt8]? {
        let tailLength = Int(position.tailLength)
        guard try file.status().size >= position.offset, position.offset >= Int64(tailLength) else { return nil }
        let head = try file.readBytes(at: 0, count: Int(position.headLength))
        guard head.count == Int(position.headLength), Self.hash(head) == position.headHash
        else { return nil }
        let tail = try file.readBytes(at: position.offset - Int64(tailLength), count: tailLength)
        guard tail.count == tailLength, Self.hash(tail) == position.tailHash else {
            return nil
        }
        return tail
    }
}
