package import Records

/// Why the log could not do what it was asked: what was tried, and what stood in the way.
package struct StorageError: Error, Hashable, CustomStringConvertible {
    /// What was tried: "open the data directory /x".
    package var operation: String
    package var cause: Cause

    package enum Cause: Hashable, Sendable {
        /// A system call failed. Nothing half written stays.
        case disk(DiskError)
        /// A system call failed while the data directory was opened: nothing of it is served.
        case unopened(DiskError)
        /// Another process works on the data directory; its number if it could be known.
        case locked(process: Int?)
        /// The data directory was written by a Penstock that knows more than this one.
        case newerVersion(found: Int, known: Int)
        /// The data directory belongs to an Apache Kafka broker.
        case foreign(clusterID: String)
        /// A file of ours does not say what it should.
        case damaged(String)
        /// A write could not be made whole or a sync failed: nothing is written any more until the next opening.
        case stopped(reason: String)
        case unknownTopic(String)
        case topicExists(String)
        case invalidTopic(String)
        /// A topic cannot be configured so.
        case invalidConfiguration(String)
        /// A topic cannot have so many partitions.
        case invalidPartitions(String)
        /// The topic was deleted while it was written to or read from.
        case deleted(topic: String)
        /// The partition cannot be used until the data directory is opened anew.
        case offline(partition: String, reason: String)
        /// The offset that was asked for is outside the partition.
        case outOfRange(Offset, available: ClosedRange<Offset>)
        /// A round's batch does not continue its producer's sequence: a mistake of the writer.
        case sequence(SequenceRejection)
        case tooLarge(size: Int, limit: Int)
        case record(RecordError)
        case closed
    }

    package init(_ operation: String, _ cause: Cause) {
        self.operation = operation
        self.cause = cause
    }

    init(_ operation: String, _ error: DiskError) { self.init(operation, .disk(error)) }

    /// The disk, or the quota, is full: the same call succeeds once there is space.
    package var isFull: Bool {
        if case .disk(let error) = cause { return error.isFull }
        if case .unopened(let error) = cause { return error.isFull }
        return false
    }

    /// What an opening says that failed so.
    var ofOpening: StorageError {
        if case .disk(let error) = cause { StorageError(operation, .unopened(error)) } else { self }
    }

    package var description: String { "cannot \(operation): \(cause)" }
}

extension StorageError.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error):
            if error.isFull {
                "\(error); nothing was lost, and writing goes on when there is space"
            } else if error.isDamage {
                "\(error); everything else can be read, and `penstock log repair` takes the damage out, keeping a copy"
            } else if error.isOfTheMedium {
                "\(error); the disk failed there (see the system's log), and everything else is served"
            } else {
                "\(error)"
            }
        case .unopened(let error): "\(error); \(error.wayToOpen)"
        case .locked(let process):
            if let process {
                "process \(process) has it locked; stop that one first, or choose another directory with --data"
            } else {
                "another process has it locked; stop that one first, or choose another directory with --data"
            }
        case .newerVersion(let found, let known):
            "it was written by a newer Penstock (format \(found), this one knows up to \(known)); use that version"
        case .foreign(let clusterID):
            "it belongs to an Apache Kafka broker (cluster \(clusterID)); --adopt takes it over"
        case .damaged(let what): what
        case .stopped(let reason): "all writing has stopped: \(reason)"
        case .unknownTopic(let name): "there is no topic \(name)"
        case .topicExists(let name): "the topic \(name) is already there"
        case .invalidTopic(let why), .invalidConfiguration(let why), .invalidPartitions(let why): why
        case .deleted(let topic): "the topic \(topic) was deleted"
        case .offline(let partition, let reason):
            "\(partition) is offline: \(reason); all other partitions are served, and this one after a restart once that is "
                + "put right"
        case .outOfRange(let offset, let available):
            "offset \(offset) is outside \(available.lowerBound)...\(available.upperBound)"
        case .sequence(let rejection): "\(rejection)"
        case .tooLarge(let size, let limit): "\(size) bytes are more than the \(limit) allowed"
        case .record(let error): "\(error)"
        case .closed: "the data directory is closed"
        }
    }
}

/// Runs something that touches the disk, and says what it was for when it fails.
func storing<Result>(
    _ operation: @autoclosure () -> String, _ body: () throws(DiskError) -> Result
) throws(StorageError) -> Result {
    do throws(DiskError) { return try body() } catch { throw StorageError(operation(), error) }
}
