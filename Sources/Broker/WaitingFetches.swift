import CommitLog
import Platform

/// Fetches that wait for something to be appended: parked without a thread, found by partition.
///
/// A fetch is either here or being looked at, never both: whoever takes it out goes on with it.
final class WaitingFetches: Sendable {
    private struct State {
        var calls: Set<Parked> = []
        var byPartition: [ObjectIdentifier: Set<Parked>] = [:]
    }

    private struct Parked: Hashable {
        let call: FetchCall
        static func == (a: Parked, b: Parked) -> Bool { a.call === b.call }
        func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(call)) }
    }

    private let state = Lock(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// - Returns: false if too many wait already.
    func park(_ call: FetchCall) -> Bool {
        state.withLock { state in
            guard state.calls.count < limit else { return false }
            let parked = Parked(call: call)
            state.calls.insert(parked)
            for part in call.parts {
                guard let partition = part.partition else { continue }
                state.byPartition[ObjectIdentifier(partition), default: []].insert(parked)
            }
            return true
        }
    }

    /// Takes one out.
    /// - Returns: false if it was not here (any more).
    func take(_ call: FetchCall) -> Bool {
        state.withLock { state in Self.remove(Parked(call: call), &state) }
    }

    /// Takes out all that wait for a partition.
    func take(_ partition: Partition) -> [FetchCall] {
        state.withLock { state in
            guard let parked = state.byPartition[ObjectIdentifier(partition)] else { return [] }
            for one in parked { _ = Self.remove(one, &state) }
            return parked.map(\.call)
        }
    }

    /// Takes out all that came over a connection. Looks at every one that waits.
    func take(connection: UInt64) -> [FetchCall] {
        state.withLock { state in
            let parked = state.calls.filter { $0.call.connection == connection }
            for one in parked { _ = Self.remove(one, &state) }
            return parked.map(\.call)
        }
    }

    func takeAll() -> [FetchCall] {
        state.withLock { state in
            defer { state = State() }
            return state.calls.map(\.call)
        }
    }

    var count: Int { state.withLock { $0.calls.count } }

    private static func remove(_ parked: Parked, _ state: inout State) -> Bool {
        guard state.calls.remove(parked) != nil else { return false }
        for part in parked.call.parts {
            guard let partition = part.partition else { continue }
            let key = ObjectIdentifier(partition)
            state.byPartition[key]?.remove(parked)
            if state.byPartition[key]?.isEmpty == true { state.byPartition[key] = nil }
        }
        return true
    }
}
