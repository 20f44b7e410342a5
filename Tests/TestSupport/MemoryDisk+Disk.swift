package import CommitLog
import Glibc
import Platform

extension MemoryDisk {
    /// The disk as the log sees it.
    package var disk: Disk {
        Disk(
            open: { (path, mode) throws(DiskError) in try self.open(path, mode) },
            list: { (path) throws(DiskError) in
                try self.on(.list, path) { (state, _) throws(DiskError) in
                    let node = try self.directory(path, state)
                    return Array(state.nodes[node]?.children.keys ?? [:].keys).sorted()
                }
            },
            makeDirectory: { (path) throws(DiskError) in
                try self.on(.makeDirectory, path) { (state, _) throws(DiskError) in
                    guard state.find(path) == nil else { throw self.error(.makeDirectory, path, EEXIST) }
                    try self.add(Node(kind: .directory), path, &state)
                }
            },
            rename: { (from, to) throws(DiskError) in try self.rename(from, to) },
            removeFile: { (path) throws(DiskError) in try self.remove(path, .file) },
            removeDirectory: { (path) throws(DiskError) in try self.remove(path, .directory) },
            syncDirectory: { (path) throws(DiskError) in try self.syncDirectory(path) },
            status: { (path) throws(DiskError) in
                try self.on(.status, path) { (state, _) throws(DiskError) in
                    guard let node = state.find(path), let found = state.nodes[node] else {
                        throw self.error(.status, path, ENOENT)
                    }
                    return FileStatus(node, found)
                }
            },
            resolve: { (path) throws(DiskError) in
                try self.on(.status, path) { (state, _) throws(DiskError) in
                    var parts: [Substring] = []
                    for part in path.split(separator: "/") where part != "." {
                        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
                    }
                    let resolved = "/" + parts.joined(separator: "/")
                    guard state.find(resolved) != nil else { throw self.error(.status, path, ENOENT) }
                    return resolved
                }
            },
            availableBytes: { (path) throws(DiskError) in
                self.state.withLock { state in state.capacity.map { Int64($0 - state.used) } ?? .max }
            },
            randomNumber: { self.state.withLock { $0.random.next() } })
    }

    func error(_ operation: Operation, _ path: String, _ code: Int32) -> DiskError {
        DiskError(operation: "\(operation)", path: path, code: code)
    }

    func on<Result>(
        _ operation: Operation, _ path: String, _ body: (inout State, Fault?) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        try state.withLock { (state) throws(DiskError) in
            let fault = try state.enter(Call(operation: operation, path: path))
            state.time += 1
            return try body(&state, fault)
        }
    }

    private func directory(_ path: String, _ state: State) throws(DiskError) -> Int {
        guard let node = state.find(path) else { throw error(.list, path, ENOENT) }
        guard state.nodes[node]?.kind == .directory else { throw error(.list, path, ENOTDIR) }
        return node
    }

    private func split(_ path: String) -> (parent: String, name: String) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return (String(path[..<slash]), String(path[slash...].utf8.drop { $0 == UInt8(ascii: "/") }) ?? "")
    }

    @discardableResult
    private func add(_ node: Node, _ path: String, _ state: inout State) throws(DiskError) -> Int {
        let place = split(path)
        let parent = try directory(place.parent, state)
        let number = state.next
        state.next += 1
        state.nodes[number] = node
        state.nodes[number]?.modified = state.time
        state.change(parent, .add(place.name, number))
        return number
    }

    private func open(_ path: String, _ mode: Disk.OpenMode) throws(DiskError) -> any DiskFile {
        try on(.open, path) { (state, _) throws(DiskError) in
            if let node = state.find(path) {
                guard mode != .createNew else { throw self.error(.open, path, EEXIST) }
                guard mode == .read || state.nodes[node]?.kind == .file else {
                    throw self.error(.open, path, EISDIR)
                }
                return MemoryFile(self, node, path, state.process)
            }
            guard mode == .create || mode == .createNew else { throw self.error(.open, path, ENOENT) }
            return MemoryFile(self, try self.add(Node(kind: .file), path, &state), path, state.process)
        }
    }

    private func syncDirectory(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            try on(.syncDirectory, path) { (state, _) throws(DiskError) in
                let node = try self.directory(path, state)
                state.nodes[node]?.sync()
            }
        } catch {
            if !error.isUntried {
                state.withLock { state in
                    if !state.isDead, let node = state.find(path) { state.nodes[node]?.failSync() }
                }
            }
            throw error
        }
    }

    private func rename(_ from: String, _ to: String) throws(DiskError) {
        try on(.rename, from) { (state, _) throws(DiskError) in
            let old = self.split(from)
            let new = self.split(to)
            let parent = try self.directory(old.parent, state)
            guard let node = state.nodes[parent]?.children[old.name] else {
                throw self.error(.rename, from, ENOENT)
            }
            guard old.parent == new.parent else { throw self.error(.rename, from, EXDEV) }
            state.change(parent, .rename(old.name, to: new.name, node))
        }
    }

    private func remove(_ path: String, _ kind: FileStatus.Kind) throws(DiskError) {
        try on(.remove, path) { (state, _) throws(DiskError) in
            let place = self.split(path)
            let parent = try self.directory(place.parent, state)
            guard let node = state.nodes[parent]?.children[place.name], let found = state.nodes[node] else {
                throw self.error(.remove, path, ENOENT)
            }
            guard found.kind == kind else { throw self.error(.remove, path, kind == .file ? EISDIR : ENOTDIR) }
            guard found.children.isEmpty else { throw self.error(.remove, path, ENOTEMPTY) }
            state.change(parent, .remove(place.name))
        }
    }
}

extension FileStatus {
    init(_ number: Int, _ node: MemoryDisk.Node) {
        self.init(
            kind: node.kind, device: 1, inode: UInt64(number), size: Int64(node.data.count),
            allocated: Int64(node.occupied), modified: node.modified)
    }
}
