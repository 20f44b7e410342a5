import Platform

/// Bytes that all pipelines of a process may hold at once, between reading and appending.
///
/// A pipeline that is refused first brings its own bytes home. Every pipeline may always hold `floor` bytes, so each
/// makes progress however full the house is: at most `total + pipelines × floor` bytes are held.
package final class ByteBudget: Sendable {
    package let total: Int
    private let state = Lock((held: 0, peak: 0))

    /// - Parameter total: in bytes.
    package init(total: Int) { self.total = total }

    package var heldBytes: Int { state.withLock { $0.held } }
    /// The most that was ever held.
    package var peakBytes: Int { state.withLock { $0.peak } }

    /// One holder's part of the budget. Used by the threads of one pipeline.
    package final class Share: Sendable {
        private let budget: ByteBudget
        private let floor: Int
        private let mine = Lock(0)

        fileprivate init(budget: ByteBudget, floor: Int) {
            self.budget = budget
            self.floor = floor
        }

        deinit { release(mine.withLock { $0 }) }

        package var heldBytes: Int { mine.withLock { $0 } }

        /// - Returns: false when the house is full and this share holds its floor already; nothing is taken then.
        package func take(_ bytes: Int) -> Bool {
            mine.withLock { mine in
                guard budget.take(bytes, anyway: mine + bytes <= floor) else { return false }
                mine += bytes
                return true
            }
        }

        package func release(_ bytes: Int) {
            mine.withLock { $0 -= bytes }
            budget.release(bytes)
        }
    }

    /// - Parameter floor: bytes that can always be held.
    package func share(floor: Int) -> Share { Share(budget: self, floor: floor) }

    private func take(_ bytes: Int, anyway: Bool) -> Bool {
        state.withLock { state in
            guard anyway || state.held + bytes <= total else { return false }
            state.held += bytes
            state.peak = max(state.peak, state.held)
            return true
        }
    }

    private func release(_ bytes: Int) { state.withLock { $0.held -= bytes } }
}
