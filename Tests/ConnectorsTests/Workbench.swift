import CommitLog
import Foundation
import Pipelines
import Platform
import Records
import Settings
import TestSupport

@testable import Connectors

/// A folder for logs, a data directory beside it, a clock that stands still, and what components said.
final class Workbench: @unchecked Sendable {  // notes are behind a lock, the rest does not change
    let root: String
    let time = ManualScheduler()
    private(set) var directory: DataDirectory
    private let dataDisk: Disk
    private let said = Lock<[PipelineNote]>([])

    /// - Parameter dataDisk: under the data directory.
    init(dataDisk: Disk = .real) throws {
        self.dataDisk = dataDisk
        root = FileManager.default.temporaryDirectory.path + "/penstock-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root + "/logs", withIntermediateDirectories: true)
        directory = try DataDirectory.open(root + "/data", disk: dataDisk)
    }

    /// As after kill -9: the directory is opened again, without having been closed.
    func crash() throws {
        // The lock goes with the last reference; another directory stands in until then.
        directory = try DataDirectory.open(root + "/elsewhere")
        directory = try DataDirectory.open(root + "/data", disk: dataDisk)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    var notes: [PipelineNote] { said.withLock { $0 } }
    func notes(about text: String) -> [String] { notes.map(\.message).filter { $0.contains(text) } }

    /// Waits until a note contains `text`.
    func waitForNote(_ text: String) {
        _ = said.wait { notes in notes.contains { $0.message.contains(text) } ? true : nil }
    }

    func path(_ name: String) -> String { root + "/logs/" + name }

    func context(
        disk: Disk = .real, untilEnd: Bool = false, clock: Clock? = nil, budget: Int = 64 << 20, encoders: Int = 0
    ) -> PipelineContext {
        let directory = directory
        var context = PipelineContext(
            directory: directory,
            topic: { name, partitions, configuration in
                if let topic = directory.topic(named: name) { return (topic, nil) }
                return (
                    try directory.createTopic(name, partitions: partitions, configuration: configuration), nil
                )
            }, encoders: EncoderPool(threads: encoders), budget: ByteBudget(total: budget), clock: clock ?? time.clock,
            disk: disk, untilEnd: untilEnd,
            log: { [said] note in said.withLockNotifying { $0.append(note) } })
        context.backoff = Backoff(first: .milliseconds(1), limit: .milliseconds(5))
        return context
    }

    func component(_ name: String = "tail", disk: Disk = .real) -> ComponentContext {
        let context = context(disk: disk)
        return ComponentContext(
            shared: context, pipeline: "test", name: name, share: context.budget.share(floor: 2 << 20))
    }

    // MARK: Files

    func write(_ text: String, to name: String) { write(Array(text.utf8), to: name) }

    /// Makes the file anew.
    func write(_ bytes: [UInt8], to name: String) {
        _ = FileManager.default.createFile(atPath: path(name), contents: Data(bytes))
    }

    func append(_ text: String, to name: String) throws { try append(Array(text.utf8), to: name) }

    func append(_ bytes: [UInt8], to name: String) throws {
        if !FileManager.default.fileExists(atPath: path(name)) { write([], to: name) }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path(name)))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }

    func truncate(_ name: String, to size: UInt64 = 0) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path(name)))
        try handle.truncate(atOffset: size)
        try handle.close()
    }

    func rename(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: path(from), toPath: path(to))
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }
}

/// A tail under test, pulled by hand, whose positions are committed with every batch.
final class TailRun {
    let bench: Workbench
    private(set) var source: TailSource
    /// Every value handed on, continuations marked by a leading `+`.
    private(set) var lines: [String] = []
    private(set) var committed: [Key: SourcePosition] = [:]
    private let options: TailOptions
    private let disk: Disk

    struct Key: Hashable {
        var device: UInt64
        var inode: UInt64
        var generation: UInt32
        init(_ position: SourcePosition) {
            (device, inode, generation) = (position.device, position.inode, position.generation)
        }
    }

    init(
        _ bench: Workbench, paths: [String], disk: Disk = .real, untilEnd: Bool = false, passingOver: Bool = false,
        committed: [Key: SourcePosition] = [:], _ change: (inout TailOptions) -> Void = { _ in }
    ) throws {
        self.bench = bench
        self.disk = disk
        self.committed = committed
        var options = TailOptions()
        options.paths = paths.map { $0.hasPrefix("/") ? $0 : bench.path($0) }
        change(&options)
        self.options = options
        source = TailSource(options, bench.component(disk: disk))
        if passingOver {
            try commit(source.startPassingOver(untilEnd: untilEnd))
        } else {
            try source.start(from: Array(committed.values), untilEnd: untilEnd)
        }
    }

    private func commit(_ updates: [PositionUpdate]) {
        for update in updates { committed[Key(update.position)] = update.remove ? nil : update.position }
    }

    /// One batch, committed.
    @discardableResult
    func step() throws -> Pull {
        let pull = try source.next()
        guard case .batch(let batch) = pull else { return pull }
        lines += Self.values(batch)
        commit(batch.positions)
        return pull
    }

    /// Pulls until there is nothing more now.
    /// - Returns: the lines that came.
    @discardableResult
    func drain() throws -> [String] {
        let before = lines.count
        for _ in 0..<100_000 {
            guard case .batch = try step() else { return Array(lines[before...]) }
        }
        fatalError("a tail that never comes to rest")
    }

    /// The process dies and starts again: what is committed is all that is left.
    func restart() throws {
        source.close()
        source = TailSource(options, bench.component(disk: disk))
        try source.start(from: Array(committed.values), untilEnd: false)
    }

    static func values(_ batch: SourceBatch) -> [String] {
        batch.events.events.map { event in
            let bytes = batch.events.block.bytes.withUnsafeBytes {
                Array($0[Int(event.value.start)..<Int(event.value.start + event.value.length)])
            }
            return (event.flags.contains(.continuation) ? "+" : "") + String(decoding: bytes, as: UTF8.self)
        }
    }
}
