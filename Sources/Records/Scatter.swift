import Glibc

/// Sorts events into the open batches of a topic's partitions, and encodes them there. Used by one thread at a time.
///
/// A key decides the partition as in Java's client: `(murmur2(key) & 0x7fffffff) % partitions`, the empty key included.
/// Events without a key go to one partition until its batch is taken, then to the next. A later part of a split line that
/// has no key goes where the event before it went.
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
    private var buffers: [Buffer?]
    private var headers = RecordHeaders([])
    /// Where events without key go.
    private var sticky: Int
    /// Where the last event went.
    private var last = 0

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
    }

    deinit {
        for buffer in buffers.compactMap({ $0 }) { pool.give(buffer) }
        // Safety: allocated in `init`; a Lane owns nothing.
        unsafe lanes.deallocate()
    }

    /// Encodes events from index `from` on, as many as fit.
    /// - Returns: the index of the first event that is not in, and the partition whose batch is full: ``take(_:)`` it and
    ///   call again. `full` is nil when all events are in.
    package func add(_ batch: EventBatch, from: Int = 0) -> (next: Int, full: Int?) {
        precondition(from >= 0 && from <= batch.events.count, "events from outside the batch")
        if headers.source != batch.headers { headers = RecordHeaders(batch.headers) }
        var next = from
        while next < batch.events.count {
            let step = fill(batch, from: next)
            next = step.next
            guard let lane = step.stopped else { break }
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

    /// The loop over events: encodes until the batch is done or a lane has no room. No reference is touched in it.
    private func fill(_ batch: EventBatch, from: Int) -> (next: Int, stopped: Int?) {
        let block = batch.block
        let blockEnd = UInt32(truncatingIfNeeded: block.count)
        let lanes = unsafe lanes
        let count = UInt32(partitions)
        let sticky = sticky
        var last = last
        var added = 0
        defer {
            self.last = last
            openBytes += added
        }
        // Safety: slices are checked against the block's filled bytes before they are read, lanes are below `count`,
        // and `Lane.append` writes only after it has checked its room. Arrays and block outlive the closures.
        return unsafe headers.withUnsafeBytes { plain, continued in
            unsafe batch.events.withUnsafeBufferPointer { events in
                for index in from..<events.count {
                    let event = unsafe events[index]
                    precondition(
                        event.value.isWithin(blockEnd) && event.key.isWithin(blockEnd), "an event outside its block")
                    let isContinuation = event.flags.contains(.continuation)
                    let lane: Int
                    if event.key.isNone {
                        lane = isContinuation ? last : sticky
                    } else {
                        let hash = unsafe Murmur2.hash(block.base + Int(event.key.start), Int(event.key.length))
                        lane = Int((hash & 0x7fff_ffff) % count)
                    }
                    let written = unsafe lanes[lane].append(
                        event, block.base, headers: isContinuation ? continued : plain)
                    guard written > 0 else { return (index, lane) }
                    last = lane
                    added &+= written
                }
                return (events.count, nil)
            }
        }
    }
}

extension Slice {
    @inline(__always)
    fileprivate func isWithin(_ end: UInt32) -> Bool { isNone || (start <= end && length <= end &- start) }
}
