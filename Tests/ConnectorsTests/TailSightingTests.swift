import CommitLog
import Foundation
import Pipelines
import Platform
import Settings
import TestSupport
import Testing

@testable import Connectors

@Suite("tail while files are renamed under its eyes")
struct TailSightingTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    /// A disk on which something happens between two calls of the tail.
    private func disk(
        afterListing: @escaping @Sendable () -> Void = {},
        afterStatus: @escaping @Sendable (String) -> Void = { _ in }
    ) -> Disk {
        var disk = Disk.real
        disk.list = { (path) throws(DiskError) in
            let names = try Disk.real.list(path)
            afterListing()
            return names
        }
        disk.status = { (path) throws(DiskError) in
            let status = try Disk.real.status(path)
            afterStatus(path)
            return status
        }
        return disk
    }

    private func text(_ name: String) -> String { (0..<200).map { "line \($0) of \(name)\n" }.joined() }

    @Test("reads no line twice when files are renamed between the listing and the look at their names")
    func listing() throws {
        let bench = bench
        for number in 1...3 { bench.write(text("\(number)"), to: "app.log.\(number)") }
        let moves = Lock(0)
        let tail = try TailRun(
            bench, paths: ["app.log.*"],
            disk: disk(afterListing: {
                let move = moves.withLock { left in
                    defer { left = max(0, left - 1) }
                    return left
                }
                guard move > 0 else { return }
                for number in 1...3 {
                    for old in ["app.log.\(number)", "app.log.\(number)\(move + 1)"] where old.hasSuffix("\(move + 1)")
                    {
                        try? bench.rename(old, "app.log.\(number)\(move)")
                    }
                    try? bench.rename("app.log.\(number)", "app.log.\(number)\(move)")
                }
            }))
        #expect(try tail.drain().count == 600)
        moves.withLock { $0 = 5 }
        try tail.restart()
        for _ in 0..<10 {
            bench.time.advance(by: .seconds(20))
            #expect(try tail.drain() == [])
        }
        #expect(tail.committed.count == 3)
        try tail.restart()
        #expect(try tail.drain() == [])
    }

    @Test("reads no line twice when a path was given to a known file between the look at it and its opening")
    func opening() throws {
        let bench = bench
        bench.write(text("old"), to: "app.log.1")
        let isDue = Lock(false)
        let tail = try TailRun(
            bench, paths: ["app.log*"],
            disk: disk(afterStatus: { path in
                guard path.hasSuffix("app.log"),
                    isDue.withLock({ due in
                        defer { due = false }; return due
                    })
                else {
                    return
                }
                try? bench.rename("app.log", "app.log.new")
                try? bench.rename("app.log.1", "app.log")
            }))
        #expect(try tail.drain().count == 200)
        bench.write("new\n", to: "app.log")
        isDue.withLock { $0 = true }
        bench.time.advance(by: .seconds(20))
        #expect(try tail.drain() == [])
        bench.time.advance(by: .seconds(20))
        #expect(try tail.drain() == ["new"])
        try tail.restart()
        #expect(try tail.drain() == [])
    }
}
