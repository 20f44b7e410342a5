/// What one pipeline is doing, as `penstock status` shows it.
package struct PipelineStatus: Sendable, Equatable {
    package enum State: String, Sendable {
        case starting, running
        /// Something is wrong that may heal (a full disk): tried again with growing pauses. See `reason`.
        case failed
        case stopping
        /// Ended: everything it took is durable, or the log said what is not.
        case finished
    }

    package var name: String
    package var state: State
    /// Why it is ``State/failed``.
    package var reason: String?
    package var sources: [SourceReport]
    package var processors: [ProcessorReport]
    package var sink: SinkReport

    /// Bytes known to be lost unread, over all files; lives as long as the positions do.
    package var abandonedBytes: Int64 { sources.reduce(0) { $0 + $1.abandonedBytes } }
    package var files: [FileReport] { sources.flatMap(\.files) }

    package init(
        name: String, state: State = .starting, reason: String? = nil, sources: [SourceReport] = [],
        processors: [ProcessorReport] = [], sink: SinkReport = SinkReport()
    ) {
        self.name = name
        self.state = state
        self.reason = reason
        self.sources = sources
        self.processors = processors
        self.sink = sink
    }
}

/// What a source has read, in total since the start of the process.
package struct SourceReport: Sendable, Equatable {
    package var name: String
    package var events = 0
    package var bytes: Int64 = 0
    /// Parts of lines that were cut at the longest line.
    package var splits = 0
    /// What is wrong now, a sentence each: a file that cannot be read, a glob that finds nothing.
    package var problems: [String] = []
    /// Those of the problems that leave lines unread.
    package var unread: [String] = []
    package var files: [FileReport] = []

    package var abandonedBytes: Int64 { files.reduce(0) { $0 + $1.abandonedBytes } }

    package init(name: String) { self.name = name }
}

/// How far behind one file is.
package struct FileReport: Sendable, Equatable {
    /// What it was last called.
    package var path: String
    /// Bytes in the file behind the position that was read to.
    package var lagBytes: Int64
    /// Seconds since the file was last read to its end; 0 when it is.
    package var lagSeconds: Double
    /// In bytes, of the file.
    package var position: Int64
    package var abandoned: [Abandoned]
    /// May be more than `abandoned` shows, which keeps the latest only.
    package var abandonedBytes: Int64
    /// Read errors since the position exists.
    package var errors: Int64

    package init(
        path: String, lagBytes: Int64 = 0, lagSeconds: Double = 0, position: Int64 = 0, abandoned: [Abandoned] = [],
        abandonedBytes: Int64 = 0, errors: Int64 = 0
    ) {
        self.path = path
        self.lagBytes = lagBytes
        self.lagSeconds = lagSeconds
        self.position = position
        self.abandoned = abandoned
        self.abandonedBytes = abandonedBytes
        self.errors = errors
    }
}

/// A range of a file that is known to be lost unread.
package struct Abandoned: Sendable, Equatable {
    package var path: String
    /// In bytes from the beginning of the file, `to` exclusive.
    package var from: Int64
    package var to: Int64
    package var cause: String

    package init(path: String, from: Int64, to: Int64, cause: String) {
        self.path = path
        self.from = from
        self.to = to
        self.cause = cause
    }
}

/// What a processor did since the start of the process.
package struct ProcessorReport: Sendable, Equatable {
    package var name: String
    package var counters: [String: Int]

    package init(name: String, counters: [String: Int]) {
        self.name = name
        self.counters = counters
    }
}

/// What a sink took and brought home since the start of the process.
package struct SinkReport: Sendable, Equatable {
    package var name: String
    /// Events that are appended, or written.
    package var events = 0
    /// As appended or written: after compression, where there is any.
    package var bytes: Int64 = 0
    /// Rounds appended, or writes.
    package var rounds = 0
    /// Taken in, not yet appended or written.
    package var waitingBytes: Int64 = 0
    package var counters: [String: Int] = [:]

    package init(name: String = "") { self.name = name }
}
