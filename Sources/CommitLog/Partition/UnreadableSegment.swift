import Records

/// A segment that the disk does not give: its files are kept under names that nobody uses, and an empty batch takes its
/// offsets, so that the rest of the partition can be served.
///
/// `.index` and the like become `.index.unreadable`; then `.log` becomes `.log.failing`, the empty batch gets the name
/// `.log`, and `.failing` becomes `.unreadable`. A crash leaves the old segment, or a `.failing` that the next opening goes
/// on with. Kafka passes over such names.
enum UnreadableSegment {
    static let suffix = ".unreadable"
    private static let failing = ".failing"

    /// The segment whose log an error is about, if it says that the disk cannot give it. Of other errors, such as a missing
    /// permission, the cause can be taken away.
    static func base(of error: DiskError, in directory: String) -> Offset? {
        guard error.isOfTheMedium, error.path.hasPrefix(directory + "/") else { return nil }
        let part = SwapCompletion.part(String(error.path.dropFirst(directory.utf8.count + 1)), "")
        return part?.suffix == ".log" ? part?.base : nil
    }

    /// Takes a segment out of the log, durably.
    /// - Returns: its offsets; nil if that cannot be, since nobody knows where the last segment ends, or since one of that
    ///   name was taken out before.
    static func setAside(_ base: Offset, in directory: String, disk: Disk) throws(DiskError) -> Range<Offset>? {
        let names = try disk.list(directory)
        let stem = Segment.stem(directory, base)
        guard let end = try end(of: base, names, directory, disk), !(try disk.exists(stem + ".log" + suffix)) else {
            return nil
        }
        for part in SwapCompletion.parts where part != ".log" && names.contains(name(base, part)) {
            try disk.rename(stem + part, stem + part + suffix)
        }
        try disk.rename(stem + ".log", stem + ".log" + failing)
        try disk.syncDirectory(directory)
        _ = try finish(directory, disk.list(directory), disk: disk)
        return base..<end
    }

    /// Completes what was begun.
    /// - Returns: the names in the directory, and whose files were set aside.
    static func finish(
        _ directory: String, _ names: [String], disk: Disk
    ) throws(DiskError) -> (names: [String], segments: [Offset]) {
        let begun = names.compactMap { SwapCompletion.part($0, failing) }.filter { $0.suffix == ".log" }.map(\.base)
        guard !begun.isEmpty else { return (names, []) }
        for base in begun {
            let stem = Segment.stem(directory, base)
            if !names.contains(name(base, ".log")) {
                try bridge(stem, base, to: try end(of: base, names, directory, disk) ?? base, disk)
            }
            try disk.rename(stem + ".log" + failing, stem + ".log" + suffix)
        }
        try disk.syncDirectory(directory)
        return (try disk.list(directory), begun)
    }

    /// Writes a segment of the given offsets and no records.
    private static func bridge(_ stem: String, _ base: Offset, to end: Offset, _ disk: Disk) throws(DiskError) {
        // It has no entries: there is but one batch.
        let indexes = IndexBuilder(base: base, interval: 0)
        for index in try Segment.writeIndexes(indexes, stem: stem, disk: disk) { try index.syncWhole() }
        // An offset's distance from its segment's base has 31 bits: behind that a hole would be left.
        let last = min(end, base + Int64(Int32.max))
        try disk.replaceFile(stem + ".log", with: last > base ? Recovery.emptyBatch(from: base, to: last) : [])
    }

    /// Where the next segment begins that has anything in it. One that a failed roll left may begin before this one ends.
    private static func end(
        of base: Offset, _ names: [String], _ directory: String, _ disk: Disk
    ) throws(DiskError) -> Offset? {
        let bases = names.compactMap { SwapCompletion.part($0, "") }.filter { $0.suffix == ".log" }.map(\.base)
        for next in bases.sorted() where next > base {
            if try disk.status(Segment.stem(directory, next) + ".log").size > 0 { return next }
        }
        return nil
    }

    private static func name(_ base: Offset, _ part: String) -> String {
        String(Segment.stem("", base).dropFirst()) + part
    }
}
