import Foundation

/// Holds up every sync of a program while it is closed.
final class SyncGate {
    /// A line on standard error of a program that waits at the gate.
    static let waits = "a sync waits at the gate"

    private let path: String
    private var pipe: Int32 = -1

    init(_ workspace: Workspace) { path = workspace("gate") }

    /// What a program needs that is to stop here.
    var environment: [String: String] {
        get throws {
            let library = URL(filePath: Surroundings.penstock).deletingLastPathComponent()
                .appending(path: "libSyncGate.so").path(percentEncoded: false)
            guard FileManager.default.fileExists(atPath: library) else { throw Trouble("make test builds \(library)") }
            return ["LD_PRELOAD": library, "PENSTOCK_SYNC_GATE": path]
        }
    }

    func close() throws {
        guard mkfifo(path, 0o600) == 0 else { throw Trouble("no pipe: \(String(cString: strerror(errno)))") }
        // For reading as well, so that it is open before anyone waits.
        pipe = Foundation.open(path, O_RDWR | O_CLOEXEC)
        guard pipe >= 0 else { throw Trouble("no pipe: \(String(cString: strerror(errno)))") }
    }

    /// Lets those who wait go, and nobody waits any more.
    func open() throws {
        unlink(path)
        // A byte each, for more than there can be threads. The pipe stays open: someone may be about to read from it.
        guard Launch.writeAll([UInt8](repeating: 0, count: 1000), to: pipe) else { throw Trouble("the gate is stuck") }
    }

    deinit { if pipe >= 0 { Foundation.close(pipe) } }
}
