import Records

/// What an opening does first in a partition's directory: files that a deletion or an unfinished writing left go, and a
/// cleaning that was interrupted is either completed or undone. Kafka's rules:
///
/// - `.deleted` and `.tmp` go, and so does `.cleaned`, which was being written.
/// - A cleaning renames all of a new segment's files from `.cleaned` to `.swap` before it touches an old one. So while a
///   `.cleaned` is there, a `.swap` at its base or beyond is not all there yet: it goes.
/// - Any other `.swap` replaces the segments from its base on, up to where its batches end; these go, and it takes its
///   place. An old segment beyond that which only held what was cleaned away stays: all that it holds is outdated by
///   later records, and the next cleaning takes it.
///
/// May be interrupted and begun again at every call: removals come in an order that keeps the above true.
enum SwapCompletion {
    static let cleaned = ".cleaned"
    static let swap = ".swap"
    static let deleted = ".deleted"
    static let endings = [cleaned, swap, deleted]
    /// What a cleaning replaces of a segment. A producer snapshot at its base stays: it may be the newest below a
    /// recovery point.
    static let parts = [".log", ".index", ".timeindex", ".txnindex"]

    /// - Parameter names: what is in the directory.
    /// - Returns: what is in it afterwards. If it differs, the directory has unsynced names.
    static func run(_ directory: String, _ names: [String], disk: Disk) throws(DiskError) -> [String] {
        var left = Set(names)
        for name in names where isLeftover(name) {
            try remove(name, directory, disk, &left)
        }
        let unfinished = names.filter { part($0, cleaned) != nil }
        if let first = unfinished.compactMap({ part($0, cleaned)?.base }).min() {
            for name in names {
                if let part = part(name, swap), part.base >= first { try remove(name, directory, disk, &left) }
            }
        }
        if !unfinished.isEmpty {
            // What was removed is removed for good before the mark goes that it was incomplete.
            try disk.syncDirectory(directory)
            for name in unfinished { try remove(name, directory, disk, &left) }
        }
        try replace(directory, disk, &left)
        return left.sorted()
    }

    /// Names that we or Kafka gave; a stranger's file stays, whatever its name ends with.
    private static func isLeftover(_ name: String) -> Bool {
        part(name, deleted) != nil || part(name, ".tmp") != nil
            || name == LeaderEpochs.fileName + ".tmp" || name == PartitionPlace.metadataName + ".tmp"
    }

    /// Lets every complete `.swap` take its place.
    private static func replace(_ directory: String, _ disk: Disk, _ left: inout Set<String>) throws(DiskError) {
        let swaps = left.filter { part($0, swap) != nil }.sorted()
        guard !swaps.isEmpty else { return }
        for name in swaps {
            guard let swapped = part(name, swap), swapped.suffix == ".log" else { continue }
            let end = try end(of: "\(directory)/\(name)", disk) ?? swapped.base
            for old in left.sorted() {
                guard let part = part(old, ""), parts.contains(part.suffix) else { continue }
                if part.base == swapped.base || (part.base > swapped.base && part.base < end) {
                    try remove(old, directory, disk, &left)
                }
            }
            // Before its indexes: once it has its name, nothing at its base counts as old.
            try rename(name, directory, disk, &left)
        }
        for name in swaps where left.contains(name) { try rename(name, directory, disk, &left) }
        try disk.syncDirectory(directory)
    }

    private static func rename(
        _ name: String, _ directory: String, _ disk: Disk, _ left: inout Set<String>
    ) throws(DiskError) {
        let plain = String(name.dropLast(swap.utf8.count))
        try disk.rename("\(directory)/\(name)", "\(directory)/\(plain)")
        left.remove(name)
        left.insert(plain)
    }

    private static func remove(
        _ name: String, _ directory: String, _ disk: Disk, _ left: inout Set<String>
    ) throws(DiskError) {
        try disk.removeIfThere("\(directory)/\(name)")
        left.remove(name)
    }

    /// The offset after the last whole batch, nil if there is none.
    private static func end(of path: String, _ disk: Disk) throws(DiskError) -> Offset? {
        let file = try disk.open(path, .read)
        var scanner = BatchScanner(file, to: try file.status().size, checksCRC: false)
        var end: Offset?
        while case .batch(let batch) = try scanner.next() { end = batch.nextOffset }
        return end
    }

    /// `00000000000000000042.log.swap` taken apart: 42 and `.log`; nil for what is no part of a segment. With an ending, nil
    /// also for what neither Penstock nor Kafka calls so, such as `00000000000000000042.mine.swap`.
    static func part(_ name: String, _ ending: String) -> (base: Offset, suffix: String)? {
        // By bytes: every name of every partition comes by here when a data directory is opened.
        let bytes = name.utf8
        guard bytes.count > baseDigits + ending.utf8.count, bytes.suffix(ending.utf8.count).elementsEqual(ending.utf8)
        else { return nil }
        let dot = bytes.index(bytes.startIndex, offsetBy: baseDigits)
        guard bytes[dot] == UInt8(ascii: ".") else { return nil }
        var base: Offset = 0
        for digit in bytes[..<dot] {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (tens, isTooLarge) = base.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooLarge) = tens.addingReportingOverflow(Offset(digit - UInt8(ascii: "0")))
            guard !isTooLarge, !isStillTooLarge else { return nil }
            base = sum
        }
        guard Segment.bases.contains(base) else { return nil }
        let suffix = String(name[dot..<bytes.index(bytes.endIndex, offsetBy: -ending.utf8.count)])
        return ending.isEmpty || endedSuffixes.contains(suffix) ? (base, suffix) : nil
    }

    /// What has an ending for a while.
    private static let endedSuffixes = Set(Segment.suffixes + parts.map { $0 + UnreadableSegment.suffix })

    private static let baseDigits = 20
}
