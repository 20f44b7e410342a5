import CommitLog
import Platform

/// Walks every way in which a power loss can tear what is not durable.
extension MemoryDisk {
    /// A file with bytes that are not durable, or a directory with names that are not.
    package struct Unsynced: Hashable, Sendable {
        var node: Int
        /// Bytes of all its unsynced writes together, a truncation counting as one; or the number of changed names.
        package var extent: Int
        package var isDirectory: Bool
    }

    /// What a power loss could take, in a fixed order.
    package var unsynced: [Unsynced] {
        state.withLock { state in
            state.nodes.keys.sorted().compactMap { number in
                guard let node = state.nodes[number] else { return nil }
                let isDirectory = node.kind == .directory
                let extent = isDirectory ? node.unsyncedNames.count : node.unsynced.reduce(0) { $0 + $1.extent }
                return extent == 0 ? nil : Unsynced(node: number, extent: extent, isDirectory: isDirectory)
            }
        }
    }

    /// The machine stops. Of one file or directory the first `extent` bytes or names are kept; of the others all bytes, or
    /// none, and all names, or none.
    package func losePower(tearing torn: Unsynced, at extent: Int, keepingBytes: Bool, keepingNames: Bool) {
        state.withLock { state in
            state.endProcess()
            for number in state.nodes.keys {
                guard let node = state.nodes[number] else { continue }
                let isTorn = number == torn.node
                let bytes = isTorn && !torn.isDirectory ? extent : keepingBytes ? Int.max : 0
                let names = isTorn && torn.isDirectory ? extent : keepingNames ? node.unsyncedNames.count : 0
                state.nodes[number]?.losePower(keeping: node.unsynced.prefix(extent: bytes), names: names)
            }
        }
    }
}

extension MemoryDisk.Change {
    var extent: Int {
        switch self {
        case .write(_, let bytes): bytes.count
        case .truncate: 1
        }
    }
}

extension [MemoryDisk.Change] {
    /// The changes up to a place in all of their bytes, the last cut there.
    func prefix(extent: Int) -> [MemoryDisk.Change] {
        var kept: [MemoryDisk.Change] = []
        var left = extent
        for change in self where left > 0 {
            if case .write(let position, let bytes) = change, bytes.count > left {
                kept.append(.write(at: position, Array<UInt8>(bytes.prefix(left))))
            } else {
                kept.append(change)
            }
            left -= Swift.min(left, change.extent)
        }
        return kept
    }
}
