import CommitLog
import Glibc
import Platform

/// A file of a ``MemoryDisk``, as one process opened it.
final class MemoryFile: DiskFile {
    let path: String
    private let memory: MemoryDisk
    private let node: Int
    private let process: Int
    private let sequential = Lock(0)

    init(_ memory: MemoryDisk, _ node: Int, _ path: String, _ process: Int) {
        self.memory = memory
        self.node = node
        self.path = path
        self.process = process
    }

    var descriptor: Int32? { nil }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int {
        let place = position.map { Int($0) } ?? sequential.withLock { $0 }
        let bytes = try on(.read) { (state, fault) throws(DiskError) in
            let data = state.nodes[self.node]?.data ?? []
            var count = max(0, min(buffer.count, data.count - place))
            if case .isShort? = fault { count = max(min(1, count), count / 2) }
            return Array(data.dropFirst(place).prefix(count))
        }
        // Safety: at most `buffer.count` bytes.
        unsafe buffer.copyBytes(from: bytes)
        if position == nil { sequential.withLock { $0 += bytes.count } }
        return bytes.count
    }

    func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int {
        var bytes: [UInt8] = []
        for place in 0..<vectors.count {
            // Safety: the caller lends what the vectors point at for this call.
            unsafe bytes += UnsafeRawBufferPointer(start: vectors[place].iov_base, count: vectors[place].iov_len)
        }
        let all = bytes
        return try on(.write) { (state, fault) throws(DiskError) in
            var taken = all
            var failure: Int32?
            switch fault {
            case .isShort: taken = Array(all.prefix(max(1, all.count / 2)))
            case .tears(let code):
                taken = Array(all.prefix(all.count / 2))
                failure = code
            case .fails, nil: break
            }
            if let capacity = state.capacity {
                let growth = max(0, Int(position) + taken.count - (state.nodes[self.node]?.occupied ?? 0))
                let room = max(0, capacity - state.used)
                if growth > room {
                    taken.removeLast(min(taken.count, growth - room))
                    if taken.isEmpty { failure = ENOSPC }
                }
            }
            if !taken.isEmpty {
                state.nodes[self.node]?.write(taken, at: Int(position))
                state.nodes[self.node]?.unsynced.append(.write(at: Int(position), taken))
                state.nodes[self.node]?.modified = state.time
            }
            if let failure { throw self.memory.error(.write, self.path, failure) }
            return taken.count
        }
    }

    func sync() throws(DiskError) {
        do throws(DiskError) {
            try on(.sync) { (state, _) throws(DiskError) in state.nodes[self.node]?.sync() }
        } catch {
            // Interrupted, or without descriptors, nothing was tried.
            if !error.isInterrupted && !error.isOutOfDescriptors {
                memory.state.withLock { state in
                    if state.process == process && !state.isDead { state.nodes[node]?.failSync() }
                }
            }
            throw error
        }
    }

    func truncate(to size: Int64) throws(DiskError) {
        try on(.truncate) { (state, _) throws(DiskError) in
            state.nodes[self.node]?.truncate(to: Int(size))
            state.nodes[self.node]?.unsynced.append(.truncate(Int(size)))
        }
    }

    func allocate(_ bytes: Int64) throws(DiskError) {
        try on(.allocate) { (state, _) throws(DiskError) in
            let room = state.capacity.map { $0 - state.used } ?? .max
            let growth = Int(bytes) - (state.nodes[self.node]?.occupied ?? 0)
            guard growth <= room else { throw self.memory.error(.allocate, self.path, ENOSPC) }
            let old = state.nodes[self.node]?.allocated ?? 0
            state.nodes[self.node]?.allocated = max(Int(bytes), old)
        }
    }

    func status() throws(DiskError) -> FileStatus {
        try on(.status) { (state, _) throws(DiskError) in
            guard let found = state.nodes[self.node] else { throw self.memory.error(.status, self.path, EBADF) }
            return FileStatus(self.node, found)
        }
    }

    func lock() throws(DiskError) {
        try on(.lock) { (state, _) throws(DiskError) in
            let holder = state.locks[self.node]
            guard holder == nil || holder == ObjectIdentifier(self) else {
                throw self.memory.error(.lock, self.path, EAGAIN)
            }
            state.locks[self.node] = ObjectIdentifier(self)
        }
    }

    func map(length: Int) throws(DiskError) -> MappedBytes {
        try on(.map) { (state, _) throws(DiskError) in
            MappedBytes(copying: Array((state.nodes[self.node]?.data ?? []).prefix(length)))
        }
    }

    func close() {
        memory.state.withLock { state in
            if state.process == process && state.locks[node] == ObjectIdentifier(self) { state.locks[node] = nil }
        }
    }

    deinit { close() }

    private func on<Result>(
        _ operation: MemoryDisk.Operation,
        _ body: (inout MemoryDisk.State, MemoryDisk.Fault?) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        try memory.on(operation, path) { (state, fault) throws(DiskError) in
            // Whatever an ended process still does has no effect.
            guard state.process == self.process else { throw self.memory.error(operation, self.path, EBADF) }
            return try body(&state, fault)
        }
    }
}
