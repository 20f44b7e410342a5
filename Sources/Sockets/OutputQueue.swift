import Records

/// What is still to be written to a connection, in order. Small runs of bytes are joined, so that many short answers
/// cost one system call and one packet.
struct OutputQueue {
    private var pieces: [OutputPiece] = []
    private var head = 0
    /// Bytes of the first piece that are written.
    private(set) var written = 0
    /// Bytes still to be written, those of files included.
    private(set) var byteCount = 0

    /// Up to so many bytes are joined.
    static let joinLimit = 64 << 10

    var isEmpty: Bool { head == pieces.count }

    var first: OutputPiece? { isEmpty ? nil : pieces[head] }

    /// Whether something follows the first piece.
    var hasMore: Bool { pieces.count - head > 1 }

    mutating func append(_ piece: OutputPiece) {
        guard piece.length > 0 else { return }
        byteCount += piece.length
        let last = pieces.count - 1
        guard case .bytes(let new) = piece, last > head || (last == head && written == 0),
            case .bytes(var old) = pieces[last], old.count + new.count <= Self.joinLimit
        else {
            pieces.append(piece)
            return
        }
        pieces[last] = .bytes([])  // so that `old` grows in place
        old.append(contentsOf: new)
        pieces[last] = .bytes(old)
    }

    /// `count` bytes of the first piece were written.
    mutating func advance(_ count: Int) {
        precondition(!isEmpty && count <= pieces[head].length - written, "wrote more than there was")
        written += count
        byteCount -= count
        guard written == pieces[head].length else { return }
        written = 0
        pieces[head] = .bytes([])
        head += 1
        guard head == pieces.count || head > 64 else { return }
        pieces.removeFirst(head)
        head = 0
    }

    /// The next bytes of the file that is the first piece have been read: they take the place of its beginning.
    mutating func replaceFirst(with bytes: [UInt8]) {
        guard case .file(let span) = first, bytes.count <= span.length - written else {
            preconditionFailure("only bytes of the file in front take its place")
        }
        let rest = FileSpan(
            source: span.source, position: span.position + Int64(written + bytes.count),
            length: span.length - written - bytes.count)
        written = 0
        pieces[head] = .bytes(bytes)
        if rest.length > 0 { pieces.insert(.file(rest), at: head + 1) }
    }

    mutating func removeAll() { self = OutputQueue() }
}
