import Foundation
import Testing

@Suite("Files that rotate", .timeLimit(.minutes(20)))
struct RotationTests {
    @Test("A file that is renamed again and again while it is written is collected whole")
    func underLoad() throws {
        let workspace = try Workspace()
        try workspace.write("logs/app.log", "")
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("logs/app.log*")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        var lines: [[UInt8]] = []
        for turn in 0..<20 {
            for part in 0..<10 {
                let more = Lines(count: 300, first: (turn * 10 + part) * 300)
                try workspace.append("logs/app.log", more.content)
                lines += more.all
            }
            try workspace.rename("logs/app.log", to: "logs/app.log.\(turn)")
        }
        try expectAll(lines, from: penstock)
        try penstock.stop()
    }

    @Test("A renamed file is drained to its end though its new name matches no glob")
    func renamedAway() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", "")
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        let first = Lines(count: 500)
        try workspace.append("app.log", first.content)
        try expectAll(first.all, from: penstock)
        try workspace.rename("app.log", to: "old")
        let late = Lines(count: 500, first: 500)
        try workspace.append("old", late.content)
        let next = Lines(count: 500, first: 1000)
        try workspace.append("app.log", next.content)
        try expectAll(first.all + late.all + next.all, from: penstock)
        try penstock.stop()
    }

    @Test("A file rotated while Penstock was down is finished, and its successor is read from the start")
    func whileDown() throws {
        let workspace = try Workspace()
        let first = Lines(count: 500)
        try workspace.write("app.log", first.content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log*")], topic: "app"))
        try Penstock.collect(workspace, pipeline: file)
        let late = Lines(count: 500, first: 500)
        try workspace.append("app.log", late.content)
        try workspace.rename("app.log", to: "app.log.1")
        let next = Lines(count: 500, first: 1000)
        try workspace.append("app.log", next.content)
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        try expectAll(first.all + late.all + next.all, from: penstock)
        try penstock.stop()
    }

    @Test("A file that was cut and written anew is read from its start, and status says so")
    func truncated() throws {
        let workspace = try Workspace()
        let first = Lines(count: 800)
        try workspace.write("app.log", first.content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        try expectAll(first.all, from: penstock)
        let next = Lines(count: 300, first: 800)
        #expect(truncate(workspace("app.log"), 0) == 0)
        try workspace.append("app.log", next.content)
        try expectAll(first.all + next.all, from: penstock)
        try penstock.stop()
    }

    /// Waits until as many records are there, then compares all of them. Order is compared within each file's run.
    private func expectAll(
        _ lines: [[UInt8]], from penstock: Penstock, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let wait = try Child(
            "kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-c", "\(lines.count)", "-q"])
        #expect(try wait.end() == .exited(0), "\(wait.tail)", sourceLocation: sourceLocation)
        let records = try Kcat.consume("app", from: penstock.address)
        expectExactly(lines, in: records, keyed: false, sourceLocation: sourceLocation)
    }
}
