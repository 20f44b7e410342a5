package import CommitLog
package import Platform

/// What every component of every pipeline of a process shares.
package struct PipelineContext: Sendable {
    package var directory: DataDirectory
    /// Finds a topic for a sink, and makes it where it is missing. The broker's `topic(forPipeline:…)`.
    package var topic: TopicLookup
    package var encoders: EncoderPool
    package var budget: ByteBudget
    package var clock: Clock
    /// The disk that sources read from.
    package var disk: Disk
    package var log: @Sendable (PipelineNote) -> Void
    /// What is there at the start is all there will be: `penstock run --until-eof`.
    package var untilEnd: Bool
    /// Pauses after what fails and may heal.
    package var backoff = Backoff()
    /// Bytes of events that every pipeline may hold, however full the house is.
    package var floor = 2 << 20

    /// - Parameters: the topic's name, how many partitions it has if it must be made, and its configuration then.
    /// - Returns: the topic, and what its operator should know (it has another number of partitions).
    package typealias TopicLookup =
        @Sendable (_ name: String, _ partitions: Int, _ configuration: [String: String]) throws -> (
            topic: Topic, warning: String?
        )

    package init(
        directory: DataDirectory, topic: @escaping TopicLookup, encoders: EncoderPool, budget: ByteBudget,
        clock: Clock = .system, disk: Disk = .real, untilEnd: Bool = false,
        log: @escaping @Sendable (PipelineNote) -> Void
    ) {
        self.directory = directory
        self.topic = topic
        self.encoders = encoders
        self.budget = budget
        self.clock = clock
        self.disk = disk
        self.untilEnd = untilEnd
        self.log = log
    }
}

/// What one component is given when it is made.
package struct ComponentContext: Sendable {
    package var shared: PipelineContext
    /// Of the pipeline.
    package var pipeline: String
    /// Of the component, within the pipeline.
    package var name: String
    /// Bytes of events that the pipeline may hold.
    package var share: ByteBudget.Share

    package init(shared: PipelineContext, pipeline: String, name: String, share: ByteBudget.Share) {
        self.shared = shared
        self.pipeline = pipeline
        self.name = name
        self.share = share
    }

    package func note(_ level: PipelineNote.Level, _ message: String) {
        shared.log(PipelineNote(level: level, pipeline: pipeline, component: name, message: message))
    }
}

/// Something an operator should know: goes to the log of the process.
package struct PipelineNote: Sendable, Equatable {
    package enum Level: String, Sendable { case info, warning, error }

    package var level: Level
    package var pipeline: String
    package var component: String
    /// One line, names the file or topic, says what to do where something can be done.
    package var message: String

    package init(level: Level, pipeline: String, component: String, message: String) {
        self.level = level
        self.pipeline = pipeline
        self.component = component
        self.message = message
    }
}
