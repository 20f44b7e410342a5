package import CommitLog
package import Platform
package import Records

/// A batch of events and where its source stands once they are through.
package struct SourceBatch: Sendable {
    package var events: EventBatch
    /// Committed in the same atomic append as the events; one for each file that they came from.
    package var positions: [PositionUpdate]

    package init(events: EventBatch, positions: [PositionUpdate]) {
        self.events = events
        self.positions = positions
    }
}

/// What a source answers when its pipeline asks for more.
package enum Pull: Sendable {
    case batch(SourceBatch)
    /// Nothing now. Ask again when one of the source's descriptors is readable or at `until`, whatever comes first.
    case idle(until: Instant?)
    /// Nothing will ever come again. The source has said through the log what it holds back, if it holds anything.
    case finished
}

/// Where events come from. Every call is made by the one thread of its pipeline.
///
/// A source is pulled and never waits for anything but the disk: it has no thread, so an idle one costs nothing.
/// Back-pressure is simply not being asked.
package protocol EventSource: AnyObject {
    /// Called once, before anything else.
    /// - Parameters:
    ///   - positions: what was committed under this source's name, in no particular order.
    ///   - untilEnd: what is there now is all there will be: answer ``Pull/finished`` behind it.
    func start(from positions: [SourcePosition], untilEnd: Bool) throws
    /// Called instead where the operator chose so: what is there now is passed over, whatever is committed.
    /// - Returns: where it goes on: committed before anything is pulled, so that the choice counts once.
    func startPassingOver(untilEnd: Bool) throws -> [PositionUpdate]
    /// The next batch: at most one block of bytes.
    func next() throws -> Pull
    /// Readable when there may be something to read: for `poll`. Asked before each wait.
    var descriptors: [Int32] { get }
    /// A batch of this source is in the log, or will be before the pipeline says that it has ended.
    var report: SourceReport { get }
    /// Bytes of the longest event this source can make: a topic must take it.
    var longestEvent: Int { get }
    /// Whether what was handed on and not committed comes again at the next start.
    var canReadAgain: Bool { get }
    /// Gives the descriptors back. Nothing is called afterwards.
    func close()
}

extension EventSource {
    package var canReadAgain: Bool { true }

    /// For sources without positions: there is nothing behind them that they could read again.
    package func startPassingOver(untilEnd: Bool) throws -> [PositionUpdate] {
        try start(from: [], untilEnd: untilEnd)
        return []
    }
}

/// A whole batch at a time: drops, rewrites or keys events. Called by the thread of its pipeline.
package protocol EventProcessor: AnyObject {
    func process(_ batch: inout EventBatch) throws
    /// What it did, for the status: such as `["dropped": 12]`.
    var counters: [String: Int] { get }
}

/// Where events go. Every call is made by one thread.
///
/// `take` only takes in; what can fail and be tried again is in `advance` and `flush`, which may be called again after
/// an error with nothing lost: what was taken stays taken until it is in the log or written.
package protocol EventSink: AnyObject {
    /// - Parameter longestEvent: of the pipeline's sources, in bytes.
    func start(longestEvent: Int) throws
    /// The sink alone has the batch from here on, so it may change it in place.
    func take(_ batch: consuming SourceBatch)
    /// Moves what is ready, closes what is due, and waits while more is under way than the sink's bounds allow.
    func advance() throws
    /// Brings home what is closed, since nothing else is to be done now. An open round stays open until its deadline.
    func settle() throws
    /// Brings everything taken so far into the log (written, not yet synced), positions included.
    func flush() throws
    /// When ``advance()`` must be called at the latest; nil when nothing waits.
    var deadline: Instant? { get }
    var report: SinkReport { get }
    func close()
}

/// A bounded queue between the sources of a pipeline and its sink, with a thread at each end.
package protocol EventChannel: AnyObject, Sendable {
    /// - Returns: false when there is no room now: the channel rings `space` once there is.
    func offer(_ batch: SourceBatch) -> Bool
    /// Takes the oldest batch; nil when there is none now. Then the channel rings `arrivals` once there is one.
    func take() -> SourceBatch?
    /// No more is offered; what is there can still be taken.
    func finish()
    var isFinished: Bool { get }
    /// Bytes held now.
    var heldBytes: Int { get }
    /// Rung when room was made. Waited for by the thread of the sources.
    var space: Waker { get }
    /// Rung when something came. Waited for by the thread of the sink.
    var arrivals: Waker { get }
}
