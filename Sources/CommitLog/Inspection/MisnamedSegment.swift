import Glibc
import Records

/// A segment whose file somebody gave another name: its batches do not begin where that says.
///
/// The base offset of a batch stands outside of its checksum, so a first batch that says otherwise than the name may have
/// rotted. The name is wrong if the batch behind it agrees with it, and if all of the segment fits between its neighbours.
struct MisnamedSegment: Sendable {
    let path: String
    /// What its name says.
    let said: Offset
    /// What its first batch says.
    let right: Offset

    private struct Head {
        let segment: PartitionFiles.Segment
        /// Where its first batch begins; what the name says if nobody can say.
        let start: Offset
    }

    /// Reads one head of each segment, and more only of those that seem to be called wrong and of their neighbours. What the
    /// disk does not give is passed over: whoever reads all of it tells.
    static func all(of segments: [PartitionFiles.Segment], _ disk: Disk) -> [MisnamedSegment] {
        let heads = segments.filter { $0.bytes > 0 }.map { segment in
            Head(segment: segment, start: first(segment.stem, segment.bytes, disk)?.baseOffset ?? segment.base)
        }
        return heads.filter { $0.start != $0.segment.base && isMisnamed($0, among: heads, disk) }.map { head in
            MisnamedSegment(path: head.segment.stem + ".log", said: head.segment.base, right: head.start)
        }
    }

    /// In an order in which each gets a name that no other has any more.
    /// - Throws: if some have each other's.
    static func inOrder(_ all: [MisnamedSegment]) throws(DiskError) -> [MisnamedSegment] {
        var rest = all
        var ordered: [MisnamedSegment] = []
        while let first = rest.first {
            guard let place = rest.firstIndex(where: { one in !rest.contains { $0.said == one.right } }) else {
                throw first.isTaken
            }
            ordered.append(rest.remove(at: place))
        }
        return ordered
    }

    /// Gives the file the name that its batches say, durably. An empty one may have taken it meanwhile.
    func rename(_ disk: Disk) throws(DiskError) {
        if try disk.exists(rightPath), try disk.status(rightPath).size > 0 { throw isTaken }
        try disk.rename(path, rightPath)
        try disk.syncDirectory(directory)
    }

    private var isTaken: DiskError {
        DiskError(
            operation: "give back the name \(right), which another one has (stop Penstock and rename both by hand), to",
            path: path, code: EEXIST)
    }

    private var directory: String { InspectedPlace.parent(path) }
    var rightPath: String { Segment.stem(directory, right) + ".log" }

    private static func isMisnamed(_ head: Head, among heads: [Head], _ disk: Disk) -> Bool {
        let said = head.segment.base
        let others = heads.filter { $0.segment.base != said }
        let before = others.filter { $0.start < head.start }.max { $0.start < $1.start }
        let end = before.flatMap { batches(of: $0.segment, disk)?.end }
        guard end ?? 0 <= head.start, Segment.bases.contains(head.start) else { return false }
        // A lower name may be right, where what came first was compacted away; but not before the end of another segment.
        guard head.start < said || end ?? 0 > said, let own = batches(of: head.segment, disk) else { return false }
        let following = others.filter { $0.start >= head.start }.map(\.start).min()
        guard own.end <= following ?? .max else { return false }
        guard head.start < said else { return own.second.map { $0.baseOffset >= own.first.nextOffset } ?? true }
        guard let second = own.second else { return end == head.start || following == own.end }
        return second.baseOffset == own.first.nextOffset || second.baseOffset < said
    }

    /// nil if it is none of ours, or of an old message set, whose first offset nobody knows.
    static func first(_ stem: String, _ bytes: Int64, _ disk: Disk) -> ScannedBatch? {
        guard let file = try? disk.open(stem + ".log", .read) else { return nil }
        var scanner = BatchScanner(file, to: min(bytes, InspectedFile.sizeLimit), checksCRC: false)
        guard case .batch(let batch)? = try? scanner.next(), batch.header != nil else { return nil }
        return batch
    }

    /// The first two batches, the first of which is whole, and the offset behind the last that ascends.
    private static func batches(
        of segment: PartitionFiles.Segment, _ disk: Disk
    ) -> (first: ScannedBatch, second: ScannedBatch?, end: Offset)? {
        guard let file = try? disk.open(segment.stem + ".log", .read) else { return nil }
        let size = min(segment.bytes, InspectedFile.sizeLimit)
        var checking = BatchScanner(file, to: size, checksCRC: true)
        guard case .batch(let first)? = try? checking.next() else { return nil }
        var scanner = BatchScanner(file, from: Int64(first.size), to: size, checksCRC: false)
        var second: ScannedBatch?
        var end = first.nextOffset
        while case .batch(let batch)? = try? scanner.next() {
            second = second ?? batch
            end = max(end, batch.nextOffset)
        }
        return (first, second, end)
    }
}
