import Records

/// Reads a checkpoint or a properties file and finds what is wrong with it.
struct TextCheck {
    private let file: InspectedFile
    private let disk: Disk
    private let findings: LogFindings

    init(_ file: InspectedFile, disk: Disk, findings: LogFindings) {
        self.file = file
        self.disk = disk
        self.findings = findings
    }

    /// - Parameter body: called with a checkpoint that could be read.
    func run(_ body: (OffsetCheckpoint) -> Void = { _ in }) {
        guard let bytes = read() else { return }
        switch file.kind {
        case .checkpoint:
            do throws(RecordError) { body(try OffsetCheckpoint(text: bytes)) } catch {
                findings.add(file.path, nil, "\(error)")
            }
        case .leaderEpochs: if epochs(bytes) == nil { findings.add(file.path, nil, LeaderEpochs.complaint) }
        case .metadata, .properties, .text, .log, .index, .timeindex, .txnindex, .snapshot:
            if let complaint = file.complaint(about: bytes) { findings.add(file.path, nil, complaint) }
        }
    }

    /// What a leader epoch file says, nil if it cannot be read.
    func epochs() -> LeaderEpochs? { read().flatMap { epochs($0) } }

    /// The topic id of a `partition.metadata`, nil if it cannot be read.
    func topicID() -> TopicID? { read().flatMap { PartitionPlace.topicID(in: $0) } }

    private func epochs(_ bytes: [UInt8]) -> LeaderEpochs? {
        LeaderEpochs(text: String(decoding: bytes, as: UTF8.self))
    }

    private func read() -> [UInt8]? {
        do throws(DiskError) {
            let limit = file.kind == .checkpoint ? OffsetCheckpoint.sizeLimit : LeaderEpochs.sizeLimit
            let bytes = try disk.readFile(file.path, limit: limit + 1) ?? []
            guard bytes.count <= limit else {
                findings.add(file.path, nil, "more than \(limit) bytes")
                return nil
            }
            return bytes
        } catch {
            findings.add(file.path, nil, "\(error)")
            return nil
        }
    }
}

extension LeaderEpochs {
    /// The largest file that is read, as by an opening.
    static let sizeLimit = 1 << 20
    static let complaint = "it is not a version 0, a count, and so many lines of an epoch and its start, ascending"
}
