import CommitLog
import Pipelines
import Platform
import Records

/// What a file is, whatever it is called.
struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64

    init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
    init(_ position: SourcePosition) { (device, inode) = (position.device, position.inode) }
}

/// One file that is tailed, and how far it was handed on. Known by device, inode and generation; the path is a label.
final class TailedFile {
    let identity: FileIdentity
    var path: String
    /// nil while it rests beyond the limit of open files.
    var file: (any DiskFile)?
    private(set) var generation: UInt32
    /// The byte to read next: everything before it was handed on.
    private(set) var offset: Int64 = 0
    private(set) var lines: Int64 = 0
    private(set) var fingerprint = Fingerprint()
    /// What was handed on last is the beginning of a line whose rest is to come.
    private(set) var isMidLine = false
    /// The largest size seen in this generation: bytes up to there existed once.
    var knownSize: Int64 = 0
    /// Bytes behind ``offset`` that were seen and hold no newline.
    private(set) var heldBytes = 0
    /// Since when ``heldBytes`` has not grown.
    private(set) var heldSince: Instant?
    /// Renamed to where no glob finds it, or removed: read to the end as it is, then let go.
    var isAway = false
    /// Its name is gone for good: nothing will come once it rests.
    var isRemoved = false
    /// With `untilEnd`: where the file ended at the start.
    var end: Int64?
    var lastRead: Instant
    /// When it was last read to its end.
    var caughtUp: Instant
    var watch: Int32?
    private(set) var abandoned: [AbandonedRange] = []
    private(set) var abandonedBytes: Int64 = 0
    var errors: Int64 = 0
    /// When it was last written to, as far as is known: nanoseconds since 1970.
    var modified: Int64
    /// What is to be read before it.
    var waitsFor: [Predecessor] = []

    struct Predecessor {
        var file: TailedFile
        var generation: UInt32
        /// In bytes of `file`: what was there when the two were put in order.
        var end: Int64
    }

    /// Waits in the ``ReadyQueue``.
    var isQueued = false
    /// Bytes handed on in the batch being filled.
    var moved: Int64 = 0
    /// The last error that was said, so that it is said once.
    var complaint: String?

    init(_ status: FileStatus, path: String, generation: UInt32 = 0, now: Instant) {
        identity = FileIdentity(status)
        self.path = path
        self.generation = generation
        knownSize = status.size
        modified = status.modified
        lastRead = now
        caughtUp = now
    }

    /// Takes note of what a look at the file told.
    func saw(_ status: FileStatus) {
        modified = status.modified
        knownSize = max(knownSize, status.size)
    }

    /// Goes on from a committed position.
    /// - Parameters:
    ///   - generation: differs from the position's where the content was found under another inode.
    ///   - tail: the bytes before the position, known to agree.
    func resume(_ position: SourcePosition, generation: UInt32, tail: [UInt8]) {
        self.generation = generation
        offset = position.offset
        lines = position.lines
        fingerprint = Fingerprint(position, tail: tail)
        isMidLine = position.state.first == 1
        inherit(position)
    }

    /// Begins behind what is there. A line that is not whole is one whose beginning was handed on.
    /// - Returns: false if the file was cut meanwhile: what it has now is new.
    func passOver(_ size: Int64, in handle: any DiskFile) throws(DiskError) -> Bool {
        guard size > 0, let passed = try Fingerprint(of: handle, upTo: size) else { return false }
        fingerprint = passed
        offset = size
        isMidLine = passed.tail.last != 0x0A
        return true
    }

    /// The inode holds another file than the one that `position` was taken in: begins at its start.
    func startBehind(_ position: SourcePosition) {
        generation = position.generation + 1
    }

    /// Keeps the count of what was lost, for the next generation or the next name.
    func inherit(_ position: SourcePosition) {
        abandoned = position.abandoned
        abandonedBytes = position.abandonedBytes
        errors = position.errors
    }

    /// Hands on the bytes from ``offset`` on.
    func advance(over bytes: RawSpan, lines count: Int, midLine: Bool) {
        fingerprint.advance(over: bytes, from: offset)
        offset += Int64(bytes.byteCount)
        lines += Int64(count)
        isMidLine = midLine
        knownSize = max(knownSize, offset)
    }

    /// Notes what stands behind the position without a newline.
    func hold(_ bytes: Int, now: Instant) {
        if bytes != heldBytes { heldSince = bytes > 0 ? now : nil }
        heldBytes = bytes
        knownSize = max(knownSize, offset + Int64(bytes))
    }

    /// The file holds other content now: begins again at its start.
    /// - Returns: the position of the old generation, to be forgotten, and the bytes known to be lost unread.
    func startGeneration(cause: String, size: Int64, now: Instant) -> (old: SourcePosition, lost: Int64) {
        let old = position
        let lost = max(0, knownSize - offset)
        if lost > 0 {
            abandon(AbandonedRange(from: offset, to: knownSize, cause: cause))
        }
        generation += 1
        offset = 0
        lines = 0
        fingerprint = Fingerprint()
        isMidLine = false
        knownSize = size
        heldBytes = 0
        heldSince = nil
        return (old, lost)
    }

    func abandon(_ range: AbandonedRange) {
        abandoned.append(range)
        abandoned.removeFirst(max(0, abandoned.count - SourcePosition.abandonedLimit))
        abandonedBytes += range.to - range.from
    }

    /// What is committed.
    var position: SourcePosition {
        var position = SourcePosition()
        position.path = path
        position.device = identity.device
        position.inode = identity.inode
        position.generation = generation
        position.headLength = Int32(fingerprint.headLength)
        position.headHash = UInt64(fingerprint.headHash)
        position.tailLength = Int32(fingerprint.tail.count)
        position.tailHash = fingerprint.tailHash
        position.offset = offset
        position.lines = lines
        position.abandoned = abandoned
        position.abandonedBytes = abandonedBytes
        position.errors = errors
        position.state = isMidLine ? [1] : []
        return position
    }

    /// - Parameter size: of the file now.
    func report(size: Int64, now: Instant) -> FileReport {
        let lag = max(0, size - offset)
        return FileReport(
            path: path, lagBytes: lag,
            lagSeconds: lag == 0 ? 0 : Double((now - caughtUp).wholeNanoseconds) / 1e9, position: offset,
            abandoned: abandoned.map { Abandoned(path: path, from: $0.from, to: $0.to, cause: $0.cause) },
            abandonedBytes: abandonedBytes, errors: errors)
    }
}
