import Platform

/// Work by deadline: a binary heap whose cancelled entries are forgotten lazily, but never outnumber the live ones by far.
struct TimerHeap {
    private struct Entry {
        var deadline: Instant
        var number: UInt64

        /// Equal deadlines go in the order of their scheduling.
        static func < (a: Entry, b: Entry) -> Bool { (a.deadline, a.number) < (b.deadline, b.number) }
    }

    private var heap: [Entry] = []
    private var bodies: [UInt64: @Sendable () -> Void] = [:]
    private var lastNumber: UInt64 = 0

    /// Live entries.
    var count: Int { bodies.count }

    /// Entries with the cancelled ones: the memory in use.
    var footprint: Int { heap.count }

    /// The earliest deadline of a live entry.
    mutating func nextDeadline() -> Instant? {
        dropCancelled()
        return heap.first?.deadline
    }

    /// - Returns: the entry's number, for ``cancel(_:)``.
    mutating func insert(_ deadline: Instant, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        lastNumber += 1
        bodies[lastNumber] = body
        heap.append(Entry(deadline: deadline, number: lastNumber))
        siftUp(heap.count - 1)
        return lastNumber
    }

    /// - Returns: the work that will not be done, nil if it was done or cancelled before.
    mutating func cancel(_ number: UInt64) -> (@Sendable () -> Void)? {
        let body = bodies.removeValue(forKey: number)
        if heap.count > 64, heap.count > 2 * bodies.count { compact() }
        return body
    }

    /// Takes the earliest work that is due at `now`.
    mutating func popDue(_ now: Instant) -> (@Sendable () -> Void)? {
        dropCancelled()
        guard let first = heap.first, first.deadline <= now else { return nil }
        removeFirst()
        return bodies.removeValue(forKey: first.number)
    }

    private mutating func dropCancelled() {
        while let first = heap.first, bodies[first.number] == nil { removeFirst() }
    }

    private mutating func compact() {
        // A sorted array is a heap.
        heap = heap.filter { bodies[$0.number] != nil }.sorted(by: <)
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
