import Platform

/// A place of a log that does not hold what it must.
package struct LogFinding: Hashable, Sendable, CustomStringConvertible {
    package var path: String
    /// In bytes from the beginning of the file; nil if it is about the whole of it.
    package var position: Int64?
    package var reason: String
    /// It is about leader epochs: of batches, which say otherwise than one another or the checkpoint.
    var isOfEpochs = false

    package init(path: String, position: Int64? = nil, reason: String) {
        self.path = path
        self.position = position
        self.reason = reason
    }

    package var description: String { "\(path)\(position.map { ", byte \($0)" } ?? ""): \(reason)" }
}

/// Where findings go, from any thread. Of one file only the first are told.
final class LogFindings: Sendable {
    private let perFile: Int
    private let report: @Sendable (LogFinding) -> Void
    private let state = Lock(State())

    private struct State {
        var total = 0
        var areOfEpochs = false
        /// Only files with findings.
        var byFile: [String: Int] = [:]
    }

    init(perFile: Int, report: @escaping @Sendable (LogFinding) -> Void) {
        self.perFile = max(1, perFile)
        self.report = report
    }

    /// Also of those that were not told.
    var total: Int { state.withLock { $0.total } }

    /// Whether any is about leader epochs, also of those that were not told.
    var areOfEpochs: Bool { state.withLock { $0.areOfEpochs } }

    /// - Parameter reason: asked for if it is told: there may be as many findings as bytes.
    func add(
        _ path: String, _ position: Int64? = nil, isOfEpochs: Bool = false, _ reason: @autoclosure () -> String
    ) {
        // Told under the lock: one after the other.
        state.withLock { state in
            state.total += 1
            state.areOfEpochs = state.areOfEpochs || isOfEpochs
            let count = (state.byFile[path] ?? 0) + 1
            state.byFile[path] = count
            guard count <= perFile else { return }
            var finding = LogFinding(path: path, position: position, reason: reason())
            finding.isOfEpochs = isOfEpochs
            report(finding)
        }
    }

    /// Says how many of each file were not told.
    func finish() {
        state.withLock { state in
            for (path, count) in state.byFile.sorted(by: { $0.key < $1.key }) where count > perFile {
                report(LogFinding(path: path, reason: "and \(count - perFile) more places"))
            }
        }
    }
}
