import CommitLog
import Records
import TestSupport

/// A small data directory in memory, one file of which holds what a fuzzer says. It is opened and read, or looked at and
/// repaired by the tools: so every parser of its files is met where it is used.
///
/// Inputs begin with what it is like:
/// ```
/// u8   bit 0: the process was killed, bit 1: the recovery points are lost
/// ```
enum FuzzSite {
    /// It was stopped cleanly, so that what only a clean stop trusts is read.
    static let template: MemoryDisk? = try? FuzzTemplate.make()

    static let root = "/data"

    /// The files that can be replaced, by their numbers in an input; some of them need not be there.
    static let files: [String] =
        (template?.files ?? []).filter { !$0.hasSuffix("/.lock") }
        + ["penstock-sync-failed", "penstock-positions-damaged", "cleaner-offset-checkpoint"].map { "\(root)/\($0)" }

    static let logs = files.filter { $0.hasSuffix(".log") }

    /// ```
    /// u8   as above
    /// u8   which file
    /// u8   even: the rest is the file; odd: the rest is a list of { u16 place, u8 value }, where value 0 cuts the file there
    /// ```
    static func open(_ bytes: inout ByteReader) throws -> String? {
        let memory = try site(&bytes)
        let path = try replace(in: memory, &bytes)
        return twice(memory, mayStayShut: path == "\(root)/meta.properties").map { "\(path): \($0)" }
    }

    /// As ``open(_:)``: everything is told, found and repaired, and then nothing is left to find in a partition.
    static func inspect(_ bytes: inout ByteReader) throws -> String? {
        let memory = try site(&bytes)
        let path = try replace(in: memory, &bytes)
        // What only the data directory's own files know is not the repair's to make up.
        let isPartition = path.dropFirst(root.count + 1).contains("/") && !path.hasSuffix("partition.metadata")
        let complaint = try FuzzTools(memory).complaint(
            mustMend: isPartition, mayRefuse: path == "\(root)/meta.properties")
        return complaint.map { "\(path): \($0)" }
    }

    /// ```
    /// u8   as above
    /// u8   which log
    ///      a list of { u16 place, u8 value }; then each entry that stood there gets the checksum of what stands there now
    /// ```
    static func openSigned(_ bytes: inout ByteReader) throws -> String? {
        let memory = try site(&bytes)
        let path = try bytes.choose(logs)
        let old = memory.bytes(of: path) ?? []
        var new = old
        change(&new, by: bytes.rest(), mayCut: false)
        for range in FuzzTemplate.entries(of: old) { FuzzTemplate.sign(&new, range) }
        memory.setBytes(of: path, to: new)
        return twice(memory, isConsistent: false).map { "\(path): \($0)" }
    }

    /// ```
    /// u8   as above
    /// u8   which log, u8 which of its records
    /// u8   bytes of its key; 255 is none
    ///      its key and its value
    /// ```
    static func openRecord(_ bytes: inout ByteReader) throws -> String? {
        let memory = try site(&bytes)
        let path = try bytes.choose(logs)
        let number = Int(try bytes.byte())
        let keyLength = Int(try bytes.byte())
        let rest = bytes.rest()
        let key = keyLength == 255 ? nil : Array(rest.prefix(keyLength))
        let value = keyLength == 255 ? rest : Array(rest.dropFirst(keyLength))
        let old = memory.bytes(of: path) ?? []
        memory.setBytes(of: path, to: FuzzTemplate.replace(number, in: old, key: key, value: value))
        return twice(memory, isConsistent: false).map { "\(path): \($0)" }
    }

    /// ```
    /// u8   as above
    /// u8   even: in the data directory, odd: in a partition's
    /// u8   bytes of the name
    ///      the name and what is in the file
    /// ```
    static func openNamed(_ bytes: inout ByteReader) throws -> String? {
        let memory = try site(&bytes)
        let directory = try bytes.byte() % 2 == 0 ? root : "\(root)/t-0"
        let length = Int(try bytes.byte())
        guard let name = try? bytes.readString(length), !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")),
            !name.utf8.contains(0), name != ".", name != "..", !name.hasSuffix(".properties")
        else { throw FuzzEntry.Incomplete() }
        let path = "\(directory)/\(name)"
        try write(bytes.rest(), to: path, in: memory)
        return twice(memory).map { "\(path): \($0)" }
    }

    // MARK: - What bytes do to it

    private static func site(_ bytes: inout ByteReader) throws -> MemoryDisk {
        guard let template else { throw FuzzEntry.Incomplete() }
        let memory = MemoryDisk(copying: template)
        let state = try bytes.byte()
        if state & 1 != 0 { try memory.disk.removeFile("\(root)/.kafka_cleanshutdown") }
        if state & 2 != 0 { try memory.disk.removeFile("\(root)/recovery-point-offset-checkpoint") }
        return memory
    }

    private static func replace(in memory: MemoryDisk, _ bytes: inout ByteReader) throws -> String {
        let path = try bytes.choose(files)
        let isChange = try bytes.byte() % 2 == 1
        var new = memory.bytes(of: path) ?? []
        if isChange { change(&new, by: bytes.rest(), mayCut: true) } else { new = bytes.rest() }
        try write(new, to: path, in: memory)
        return path
    }

    private static func write(_ bytes: [UInt8], to path: String, in memory: MemoryDisk) throws {
        if memory.bytes(of: path) == nil {
            guard let file = try? memory.disk.open(path, .createNew) else { throw FuzzEntry.Incomplete() }
            file.close()
        }
        memory.setBytes(of: path, to: bytes)
    }

    private static func change(_ bytes: inout [UInt8], by list: [UInt8], mayCut: Bool) {
        var place = 0
        while place + 3 <= list.count && !bytes.isEmpty {
            let at = (Int(list[place]) << 8 | Int(list[place + 1])) % bytes.count
            if list[place + 2] == 0 && mayCut {
                bytes.removeLast(bytes.count - at)
            } else {
                bytes[at] ^= list[place + 2]
            }
            place += 3
        }
    }

    // MARK: - Opening

    /// Opens it and reads it, and again: it opens both times, and serves the same.
    /// - Parameter isConsistent: false where checksums vouch for what nobody would write: there it only has to open.
    private static func twice(
        _ memory: MemoryDisk, mayStayShut: Bool = false, isConsistent: Bool = true
    ) -> String? {
        var served: [String: [Record]] = [:]
        for life in 0..<2 {
            let directory: DataDirectory
            do { directory = try DataDirectory.open(root, options: FuzzTemplate.options, disk: memory.disk) } catch {
                return mayStayShut ? nil : "it does not open: \(error)"
            }
            var found: [String: [Record]] = [:]
            for topic in directory.topics() where !topic.isInternal {
                for partition in topic.partitions where partition.offline == nil {
                    found["\(topic.name)-\(partition.index)"] = read(partition)
                }
            }
            _ = directory.positions(pipeline: "p")
            do { try directory.close() } catch { return "it does not close: \(error)" }
            memory.kill()
            let other = Set(found.keys).union(served.keys).filter { found[$0] != served[$0] }.sorted()
            if life == 1, isConsistent, let name = other.first {
                return
                    "of \(name) \(served[name]?.count ?? -1) records are served, and then \(found[name]?.count ?? -1)"
            }
            served = found
        }
        return nil
    }

    /// Every record up to where a reader cannot go on.
    private static func read(_ partition: Partition) -> [Record] {
        var records: [Record] = []
        var next = partition.logStart
        // Each read goes on, so a partition of this size ends within so many.
        for _ in 0..<1000 where next < partition.highWatermark {
            guard let slice = try? partition.read(from: next, maxBytes: 300, minOneMessage: true),
                slice.nextOffset > next
            else { break }
            for span in slice.spans {
                guard let bytes = try? span.source.read(position: span.position, length: span.length) else { break }
                records += FuzzTemplate.records(of: bytes)
            }
            next = slice.nextOffset
        }
        _ = try? partition.abortedTransactions(from: partition.logStart, upTo: partition.highWatermark)
        _ = try? partition.offset(atOrAfter: 3)
        return records
    }
}

/// Inputs to begin with.
extension FuzzSite {
    static var fileSeeds: [[UInt8]] {
        files.indices.map { [0, UInt8($0), 0] + (template?.bytes(of: files[$0]) ?? []) }
    }

    static var signedSeeds: [[UInt8]] { logs.indices.map { [3, UInt8($0), 0, 70, 1] } }

    static var recordSeeds: [[UInt8]] {
        logs.indices.flatMap { log in
            FuzzTemplate.records(of: template?.bytes(of: logs[log]) ?? []).prefix(250).enumerated().map {
                number, record in
                let key = record.key ?? []
                return [3, UInt8(log), UInt8(number), UInt8(clamping: record.key?.count ?? 255)] + key
                    + (record.value ?? [])
            }
        }
    }

    static var nameSeeds: [[UInt8]] {
        let suffixes = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]
        let endings = ["", ".swap", ".cleaned", ".deleted", ".tmp"]
        let parts = suffixes.flatMap { suffix in endings.map { "00000000000000000000\(suffix)\($0)" } }
        let inside = parts.map { (UInt8(1), $0) }
        let outside = ["t-2", "t-0.0123456789-delete", "u-0", "x-offset-checkpoint"].map { (UInt8(0), $0) }
        return (inside + outside).map { place, name in
            [0, place, UInt8(name.utf8.count)] + Array(name.utf8)
                + (template?.bytes(of: "\(root)/t-0/00000000000000000000.log") ?? [])
        }
    }
}
