import CommitLog
import Glibc
import Platform

/// A file system in memory that knows what was synced: it can lose power, be filled, and fail any call.
///
/// After ``kill()`` everything that was written is there; after ``losePower(_:)`` only what was synced, with an arbitrary
/// part of the rest: of each file any ranges of unsynced writes, of each directory any prefix of unsynced changes of names.
package final class MemoryDisk: Sendable {
    /// What a call does, for faults that look for it.
    package enum Operation: Hashable, Sendable, CaseIterable {
        case open, list, makeDirectory, rename, remove, syncDirectory, status, read, write, sync, truncate, allocate,
            lock, map
    }

    package struct Call: Hashable, Sendable {
        package var operation: Operation
        package var path: String
    }

    package enum Fault: Hashable, Sendable {
        /// The call does nothing, with this `errno`.
        case fails(Int32)
        /// A read or write takes half of what was given; another call does as always.
        case isShort
        /// A write takes half, and then fails.
        case tears(Int32)
    }

    struct Node: Hashable {
        var kind: FileStatus.Kind
        var data: [UInt8] = []
        /// Bytes that the file has room for, whatever its size.
        var allocated = 0
        var durable: [UInt8] = []
        /// Whether a sync of the file has failed.
        var hasLostWrites = false
        /// Since the last sync, in order.
        var unsynced: [Change] = []
        var children: [String: Int] = [:]
        var durableChildren: [String: Int] = [:]
        var unsyncedNames: [NameChange] = []
        /// Whether a sync of the directory has failed.
        var hasLostNames = false
        var modified: Int64 = 0
    }

    enum Change: Hashable {
        case write(at: Int, [UInt8])
        case truncate(Int)
    }

    enum NameChange: Hashable {
        case add(String, Int)
        case remove(String)
        case rename(String, to: String, Int)
    }

    struct State {
        var nodes: [Int: Node] = [1: Node(kind: .directory)]
        var next = 2
        var time: Int64 = 0
        /// What ids are made of.
        var random: SeededGenerator
        /// Counts processes: files of an older one are closed.
        var process = 0
        var locks: [Int: ObjectIdentifier] = [:]
        var calls = 0
        var recorded: [Call]?
        /// By the number of the call.
        var faults: [Int: Fault] = [:]
        var predicate: (@Sendable (Call) -> Fault?)?
        /// From this call on the process is dead: nothing has an effect any more.
        var deathCall: Int?
        var capacity: Int?
        var isDead: Bool { deathCall.map { calls >= $0 } ?? false }
        /// Of everything that has a name. (What was removed and is still open is left out.)
        var used: Int { used(below: 1) }

        private func used(below node: Int) -> Int {
            guard let node = nodes[node] else { return 0 }
            return node.children.values.reduce(node.occupied) { $0 + used(below: $1) }
        }
    }

    let state: Lock<State>

    /// - Parameter seed: of the ids; with the same one the same history has the same.
    package init(seed: UInt64 = .random(in: .min ... .max)) {
        state = Lock(State(random: SeededGenerator(seed: seed)))
    }

    /// A machine of its own with the same files, as they are now.
    package init(copying other: MemoryDisk) { state = Lock(other.state.withLock { $0 }) }

    /// Calls made so far.
    package var calls: Int { state.withLock { $0.calls } }

    /// Every call from the time that this was set to an empty list; nil keeps none.
    package var recorded: [Call]? {
        get { state.withLock { $0.recorded } }
        set { state.withLock { $0.recorded = newValue } }
    }

    /// Bytes that all files together may have; nil is no limit.
    package var capacity: Int? {
        get { state.withLock { $0.capacity } }
        set { state.withLock { $0.capacity = newValue } }
    }

    /// The same for two disks that hold the same, and on which the same is durable; times are left out.
    package var fingerprint: Int {
        state.withLock { state in
            state.nodes.mapValues { node in
                var node = node
                node.modified = 0
                return node
            }.hashValue
        }
    }

    /// Bytes that all files together have.
    package var used: Int { state.withLock { $0.used } }

    /// Whether the process died at a call that ``die(after:)`` named.
    package var isDead: Bool { state.withLock { $0.isDead } }

    /// Lets one call to come go wrong: 0 is the next.
    package func fail(call number: Int, with fault: Fault) {
        state.withLock { $0.faults[$0.calls + number] = fault }
    }

    /// Asks before each call whether it goes wrong; nil asks nobody.
    package func fail(when predicate: (@Sendable (Call) -> Fault?)?) {
        state.withLock { $0.predicate = predicate }
    }

    /// Lets the process die after so many more calls: the call at which it dies is done in part if it is a write.
    package func die(after number: Int) {
        state.withLock { $0.deathCall = $0.calls + number }
    }

    /// The process ends: locks and descriptors go, what was written stays.
    package func kill() {
        state.withLock { state in state.endProcess() }
    }

    /// As ``kill()``, but the next process meets the faults that this one has not met.
    package func endProcessKeepingFaults() {
        state.withLock { state in
            state.process += 1
            state.locks = [:]
        }
    }

    /// The machine stops.
    package func losePower(_ generator: inout SeededGenerator) {
        let copy = generator
        generator = state.withLock { state in
            var generator = copy
            state.endProcess()
            // In a fixed order, so that a seed repeats.
            for node in state.nodes.keys.sorted() { state.nodes[node]?.losePower(&generator) }
            return generator
        }
    }

    /// Everything is durable: what a machine that was shut down leaves.
    package func syncAll() {
        state.withLock { state in
            for node in state.nodes.keys { state.nodes[node]?.sync() }
        }
    }

    /// The bytes of a file, nil if it is missing. For checking, and not counted as a call.
    package func bytes(of path: String) -> [UInt8]? {
        state.withLock { state in state.find(path).flatMap { state.nodes[$0]?.data } }
    }

    /// Replaces the bytes of a file, durably: what a failing disk or another program does.
    package func setBytes(of path: String, to bytes: [UInt8]) {
        state.withLock { state in
            guard let node = state.find(path) else { return }
            state.nodes[node]?.data = bytes
            state.nodes[node]?.sync()
        }
    }

    /// The paths of all files, sorted.
    package var files: [String] {
        state.withLock { state in
            var result: [String] = []
            func walk(_ node: Int, _ path: String) {
                for (name, child) in state.nodes[node]?.children ?? [:] {
                    if state.nodes[child]?.kind == .directory {
                        walk(child, path + "/" + name)
                    } else {
                        result.append(path + "/" + name)
                    }
                }
            }
            walk(1, "")
            return result.sorted()
        }
    }
}

extension MemoryDisk.State {
    mutating func endProcess() {
        process += 1
        locks = [:]
        deathCall = nil
        faults = [:]
        predicate = nil
    }

    func find(_ path: String) -> Int? {
        var node = 1
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            guard let child = nodes[node]?.children[String(Substring(part))] else { return nil }
            node = child
        }
        return node
    }

    /// Counts a call and decides whether it goes wrong.
    mutating func enter(_ call: MemoryDisk.Call) throws(DiskError) -> MemoryDisk.Fault? {
        defer { calls += 1 }
        recorded?.append(call)
        if isDead { throw DiskError(operation: "\(call.operation)", path: call.path, code: EIO) }
        if deathCall == calls + 1 && call.operation == .write { return .tears(EIO) }
        let fault = faults.removeValue(forKey: calls) ?? predicate?(call)
        if case .fails(let code)? = fault {
            throw DiskError(operation: "\(call.operation)", path: call.path, code: code)
        }
        return fault
    }

    mutating func change(_ directory: Int, _ change: MemoryDisk.NameChange) {
        nodes[directory]?.children.apply(change)
        nodes[directory]?.unsyncedNames.append(change)
    }
}

extension MemoryDisk.Node {
    /// What the file takes of the disk.
    var occupied: Int { max(data.count, allocated) }

    mutating func write(_ bytes: [UInt8], at position: Int) { data.apply(.write(at: position, bytes)) }

    mutating func truncate(to size: Int) {
        allocated = 0
        data.apply(.truncate(size))
    }

    /// What was written since the last sync is durable: not what a failed one has lost, though it can still be read.
    mutating func sync() {
        if hasLostWrites {
            for change in unsynced { durable.apply(change) }
        } else {
            durable = data
        }
        unsynced = []
        if hasLostNames {
            for change in unsyncedNames { durableChildren.apply(change) }
        } else {
            durableChildren = children
        }
        unsyncedNames = []
    }

    /// A sync fails: the cache keeps the bytes or names, takes them for written, and will not write them again.
    mutating func failSync() {
        hasLostWrites = hasLostWrites || !unsynced.isEmpty
        unsynced = []
        hasLostNames = hasLostNames || !unsyncedNames.isEmpty
        unsyncedNames = []
    }

    mutating func losePower(_ generator: inout SeededGenerator) {
        var kept: [MemoryDisk.Change] = []
        // The whole of it was written back by chance as often as nothing of it.
        let mood = Int.random(in: 0..<4, using: &generator)
        for change in unsynced where mood != 0 {
            if mood != 1 && Bool.random(using: &generator) { continue }
            switch change {
            case .truncate: kept.append(change)
            case .write(let position, let bytes):
                var range = 0..<bytes.count
                if mood != 1 && !bytes.isEmpty && Bool.random(using: &generator) {
                    let from = Int.random(in: 0..<bytes.count, using: &generator)
                    range = from..<Int.random(in: from...bytes.count, using: &generator)
                    if Bool.random(using: &generator) { range = 0..<range.upperBound }
                }
                kept.append(.write(at: position + range.lowerBound, Array(bytes[range])))
            }
        }
        let names = unsyncedNames.isEmpty ? 0 : Int.random(in: 0...unsyncedNames.count, using: &generator)
        losePower(keeping: kept, names: names)
    }

    /// What is on the disk is what was synced, some changes of bytes, and the first of the changes of names.
    mutating func losePower(keeping changes: [MemoryDisk.Change], names: Int) {
        data = durable
        for change in changes { data.apply(change) }
        children = durableChildren
        for change in unsyncedNames.prefix(names) { children.apply(change) }
        (hasLostWrites, hasLostNames) = (false, false)
        sync()
    }
}

extension [String: Int] {
    mutating func apply(_ change: MemoryDisk.NameChange) {
        switch change {
        case .add(let name, let node): self[name] = node
        case .remove(let name): self[name] = nil
        case .rename(let name, let new, let node):
            self[name] = nil
            self[new] = node
        }
    }
}

extension [UInt8] {
    mutating func apply(_ change: MemoryDisk.Change) {
        switch change {
        case .write(let position, let bytes):
            if count < position { self += [UInt8](repeating: 0, count: position - count) }
            let overlap = Swift.min(bytes.count, count - position)
            replaceSubrange(position..<position + overlap, with: bytes)
        case .truncate(let size):
            if size < count { removeLast(count - size) } else { self += [UInt8](repeating: 0, count: size - count) }
        }
    }
}
