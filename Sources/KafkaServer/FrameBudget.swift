/// The bytes of requests that all connections together may hold.
///
/// When they are used up, connections stop reading, except one: it may go over the limit until it holds nothing charged
/// any more. So half-arrived requests cannot block each other, and the memory in use is at most the limit and one
/// connection's bounds. Belongs to the loop's thread.
final class FrameBudget<Holder: AnyObject> {
    let limit: Int
    private(set) var used = 0
    /// Somebody waits.
    var isShort: Bool { !waiting.isEmpty }
    private var overdrawn: Holder?
    private var waiting: [Holder] = []
    private let resume: (Holder) -> Void

    /// - Parameter resume: called with a holder that was refused and may try again.
    init(limit: Int, resume: @escaping (Holder) -> Void) {
        self.limit = limit
        self.resume = resume
    }

    /// Changes what `holder` holds.
    /// - Returns: whether it may take more now; if not it is resumed later.
    func change(by difference: Int, of holder: Holder, holdingAfter: Int) -> Bool {
        used += difference
        if holdingAfter == 0, overdrawn === holder { overdrawn = nil }
        defer { if difference < 0 { admit() } }
        if used <= limit || holdingAfter == 0 || overdrawn === holder { return true }
        if overdrawn == nil, waiting.isEmpty {
            overdrawn = holder
            return true
        }
        if !waiting.contains(where: { $0 === holder }) { waiting.append(holder) }
        return false
    }

    /// Forgets a holder that has closed. What it held must be given back besides.
    func forget(_ holder: Holder) {
        waiting.removeAll { $0 === holder }
        if overdrawn === holder { overdrawn = nil }
        admit()
    }

    private func admit() {
        while let first = waiting.first {
            if used > limit {
                guard overdrawn == nil else { return }
                overdrawn = first
            }
            waiting.removeFirst()
            resume(first)
        }
    }
}
