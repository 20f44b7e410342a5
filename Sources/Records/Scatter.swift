/// Sorts events into the open batches of a topic's partitions, and encodes them there. Used by one thread at a time.
///
/// A key decides the partition as in Java's client: `(murmur2(key) & 0x7fffffff) % partitions`, the empty key included.
/// Events without a key go to one partition until its batch is taken, then to the next. A later part of a split line that
/// has no key goes where the part before it went: the event that ends where it begins, or at the beginning of a batch the
/// last one of the batch before.
///
/// At rest it holds no memory: a partition gets a buffer with its first event.
@safe
package final class Scatter: @unchecked Sendable {  // one thread at a time, its pipeline's
    package let partitions: Int
    /// Bytes of a batch before compression, header included, at which it is full. A larger record has a batch of its own.
    package let batchBytes: Int
    /// Bytes in the open batches, without headers.
    package private(set) var openBytes = 0
    private let pool: BufferPool
    private let lanes: UnsafeMutablePointer<Lane>
    /// Where the events of a chunk go: room for ``chunk`` of them.
    private let routes: UnsafeMutablePointer<Int32>
    private var buffers: [Buffer?]
    private var headers = RecordHeaders([])
    /// Where events without key go.
    private var sticky: Int
    /// Where the last event went.
    private var last = 0

    /// Events that are routed before they are encoded: two short loops are faster than one long one.
    private static let chunk = 512

    /// - Parameter firstSticky: the partition that the first events without key go to.
    package init(partitions: Int, batchBytes: Int, pool: BufferPool, firstSticky: Int = 0) {
        precondition(partitions > 0 && partitions <= 1 << 20, "\(partitions) partitions")
        precondition(batchBytes > BatchHeader.size && batchBytes <= 1 << 30, "batches of \(batchBytes) bytes")
        self.partitions = partitions
        self.batchBytes = batchBytes
        self.pool = pool
        sticky = firstSticky % partitions
        buffers = Array(repeating: nil, count: partitions)
        // Safety: initialised at once, freed only in `deinit`.
        unsafe lanes = .allocate(capacity: partitions)
        unsafe lanes.initialize(repeating: Lane(), count: partitions)
        unsafe routes = .allocate(capacity: Self.chunk)
        unsafe routes.initialize(repeating: 0, count: Self.chunk)
    }

    deinit {
        for buffer in buffers.compactMap({ $0 }) { pool.give(buffer) }
        // Safety: allocated in `init`; a Lane owns nothing.
        unsafe lanes.deallocate()
        unsafe routes.deallocate()
    }

    /// Encodes events from index `from` on, as many as fit.
    /// - Returns: the index of the first event that is not in, and the partition whose batch is full: ``take(_:)`` it and
    ///   call again. `full` is nil when all events are in.
    package func add(_ batch: EventBatch, from: Int = 0) -> (next: Int, full: Int?) {
        precondition(from >= 0 && from <= batch.events.count, "events from outside the batch")
        if headers.source != batch.headers { headers = RecordHeaders(batch.headers) }
        var next = from
        while next < batch.events.count {
            let end = min(batch.events.count, next + Self.chunk)
            route(batch, next..<end)
            let step = fill(batch, next..<end)
            next = step.next
            guard let lane = step.stopped else { continue }
            // Safety: `lane` is below `partitions`.
            guard unsafe lanes[lane].records == 0 else { return (next, lane) }
            open(lane, for: batch.events[next])
        }
        return (next, nil)
    }

    /// Takes a partition's open batch out; nil if it has no events.
    package func take(_ partition: Int) -> BatchBuilder? {
        precondition(partition >= 0 && partition < partitions, "no partition \(partition)")
        // Safety: in bounds, see above.
        let lane = unsafe lanes[partition]
        guard unsafe lane.records > 0, let buffer = buffers[partition] else { return nil }
        buffers[partition] = nil
        unsafe lanes[partition] = unsafe Lane()
        openBytes -= unsafe lane.end - BatchHeader.size
        if partition == sticky { sticky = (sticky + 1) % partitions }
        return unsafe BatchBuilder(
            buffer: buffer, pool: pool, size: lane.end, count: lane.records, baseTimestamp: lane.baseTimestamp,
            maxTimestamp: lane.maxTimestamp)
    }

    /// Takes every open batch that has events, in order of partitions.
    package func takeAll() -> [(partition: Int, builder: BatchBuilder)] {
        (0..<partitions).compactMap { partition in take(partition).map { (partition, $0) } }
    }

    /// Gives a partition without records memory for at least `event`.
    private func open(_ partition: Int, for event: Event) {
        if let small = buffers[partition] { pool.give(small) }
        let value = event.value.isNone ? 0 : Int(event.value.length)
        let key = event.key.isNone ? 0 : Int(event.key.length)
        // Safety: a constant; nothing of a lane is touched.
        let needed = unsafe BatchHeader.size + Lane.largestOverhead + headers.largest + key + value
        precondition(needed <= Int32.max, "an event of \(value) bytes")
        let buffer = pool.take(max(needed, batchBytes))
        buffers[partition] = buffer
        // Safety: in bounds, see `add`; the lane's pointer lives as long as `buffers` holds the buffer.
        unsafe lanes[partition] = Lane(base: buffer.base, limit: batchBytes, capacity: max(needed, batchBytes))
    }

    /// Decides where the events of a chunk go, and checks that they lie within their block.
    private func route(_ batch: EventBatch, _ chunk: Range<Int>) {
        let block = batch.block
        let blockEnd = UInt32(truncatingIfNeeded: block.count)
        let routes = unsafe routes
        let partition = PartitionOfHash(count: partitions)
        let sticky = Int32(truncatingIfNeeded: sticky)
        let before = Int32(truncatingIfNeeded: last)
        // Safety: slices are checked against the block's filled bytes before they are read, a hash reads into the
        // slack behind the block at most, and the chunk has room in `routes`. Events and block outlive the loop.
        unsafe batch.events.withUnsafeBufferPointer { events in
            for index in chunk {
                let event = unsafe events[index]
                precondition(
                    event.value.isWithin(blockEnd) && event.key.isWithin(blockEnd), "an event outside its block")
                var route = sticky
                if !event.key.isNone {
                    let key = unsafe block.base + Int(event.key.start)
                    route = partition(unsafe Murmur2.hashWithSlack(key, Int(event.key.length)))
                } else if event.flags.contains(.continuation) {
                    let place = index &- chunk.lowerBound
                    let follows = unsafe index == 0 || event.continues(events[index &- 1])
                    if follows { route = unsafe place == 0 ? before : routes[place &- 1] }
                }
                unsafe routes[index &- chunk.lowerBound] = route
            }
        }
    }

    /// Encodes the events of a routed chunk until it is done or a lane has no room. No reference is touched in it.
    private func fill(_ batch: EventBatch, _ chunk: Range<Int>) -> (next: Int, stopped: Int?) {
        let base = unsafe batch.block.base
        let lanes = unsafe lanes
        let routes = unsafe routes
        let (plainBytes, continuedBytes) = (headers.plainBytes, headers.largest)
        var added = 0
        var next = chunk.lowerBound
        // Safety: `route` has checked the slices, its lanes are below `partitions`, and `Lane.append` writes only after
        // it has checked its room. Headers, events and block outlive the closures.
        unsafe headers.withUnsafeBytes { plain, continued in
            unsafe batch.events.withUnsafeBufferPointer { events in
                while next < chunk.upperBound {
                    let event = unsafe events[next]
                    let continues = event.flags.contains(.continuation)
                    let written = unsafe lanes[Int(routes[next &- chunk.lowerBound])].append(
                        event, base, headers: continues ? continued : plain,
                        continues ? continuedBytes : plainBytes)
                    if written == 0 { break }
                    added &+= written
                    next &+= 1
                }
            }
        }
        openBytes += added
        // Safety: within the chunk.
        if next > chunk.lowerBound { last = unsafe Int(routes[next - 1 - chunk.lowerBound]) }
        return unsafe (next, next < chunk.upperBound ? Int(routes[next - chunk.lowerBound]) : nil)
    }
}

/// `(hash & 0x7fffffff) % count` by two multiplications (Lemire, Kaser, Kurz: Faster remainder by direct computation).
struct PartitionOfHash {
    private let count: UInt64
    private let inverse: UInt64

    init(count: Int) {
        self.count = UInt64(count)
        inverse = .max / UInt64(count) &+ 1
    }

    @inline(__always)
    func callAsFunction(_ hash: UInt32) -> Int32 {
        Int32(truncatingIfNeeded: (inverse &* UInt64(hash & 0x7fff_ffff)).multipliedFullWidth(by: count).high)
    }
}

extension Slice {
    @inline(__always)
    fileprivate func isWithin(_ end: UInt32) -> Bool { isNone || (start <= end && length <= end &- start) }
}
