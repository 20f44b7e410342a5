import Foundation
import Testing

/// Data directories that are not as they should be: each gets a message with its path and a way out, and nothing is deleted
/// that Penstock did not write.
@Suite("A bad data directory", .timeLimit(.minutes(20)))
struct BadDirectoryTests {
    /// A data directory with 3,000 lines in the topic `app` of one partition, stopped.
    private func collected() throws -> Workspace {
        let workspace = try Workspace()
        try workspace.write("app.log", Lines(count: 3000).content)
        let file = try workspace.write(
            "app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", partitions: 1))
        try Penstock.collect(workspace, pipeline: file)
        return workspace
    }

    /// Every file below the data directory but what each opening writes.
    private func files(_ workspace: Workspace) -> [String: Data] {
        let names = FileManager.default.enumerator(atPath: workspace("data"))?.compactMap { $0 as? String } ?? []
        var files: [String: Data] = [:]
        for name in names where name != ".lock" {
            files[name] = FileManager.default.contents(atPath: workspace("data/\(name)"))
        }
        return files
    }

    /// Expects that the directory stays shut, with these words on stderr, and that every file in it stays as it is.
    private func expectShut(
        _ workspace: Workspace, saying words: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = files(workspace)
        for command in [["run"], ["topics", "list"], ["consume", "app"]] {
            let result = try Penstock.command(command + ["--data", workspace("data")], in: workspace)
            #expect(result.ending == .exited(1), "\(command)", sourceLocation: sourceLocation)
            for word in words + [workspace("data")] {
                #expect(result.errors.contains(word), "\(command): \(result.errors)", sourceLocation: sourceLocation)
            }
        }
        #expect(files(workspace) == before, "something in it was changed", sourceLocation: sourceLocation)
    }

    @Test("A Kafka broker's is left to it, unless --adopt says otherwise")
    func foreign() throws {
        let workspace = try collected()
        let meta = String(decoding: try workspace.read("data/meta.properties"), as: UTF8.self)
        let kafka = meta.split(separator: "\n").filter { !$0.hasPrefix("penstock.") }.joined(separator: "\n")
        try workspace.write("data/meta.properties", kafka + "\n")
        try expectShut(workspace, saying: ["Apache Kafka broker", "--adopt"])
    }

    @Test("One of a newer version stays shut and as it is")
    func newer() throws {
        let workspace = try collected()
        let meta = String(decoding: try workspace.read("data/meta.properties"), as: UTF8.self)
        try workspace.write(
            "data/meta.properties", meta.replacingOccurrences(of: "penstock.format=1", with: "penstock.format=2"))
        try expectShut(workspace, saying: ["newer Penstock", "format 2", "use that version"])
    }

    @Test("One whose meta.properties says nothing, or is gone, stays shut", arguments: [true, false])
    func meta(isThere: Bool) throws {
        let workspace = try collected()
        if isThere {
            try workspace.write("data/meta.properties", "nothing\n")
        } else {
            try FileManager.default.removeItem(atPath: workspace("data/meta.properties"))
        }
        try expectShut(workspace, saying: ["meta.properties", "put it back from a copy"])
    }

    @Test(
        "One that may not be written is said, with what to do",
        .enabled(if: FullDiskTests.mountable, "a file system can only be mounted as root"))
    func readOnly() throws {
        let workspace = try collected()
        for options in [["--bind"], ["-o", "remount,bind,ro"]] {
            #expect(try Child("mount", options + [workspace("data"), workspace("data")]).end() == .exited(0))
        }
        defer { _ = try? Child("umount", ["-l", workspace("data")]).end() }
        try expectShut(workspace, saying: ["Read-only file system", "mount it for writing", "chown"])
    }

    @Test(
        "A full disk is said when there is no room to begin, and a directory on one is served",
        .enabled(if: FullDiskTests.mountable, "a small file system can only be mounted as root"))
    func full() throws {
        let workspace = try collected()
        try FileManager.default.createDirectory(atPath: workspace("disk"), withIntermediateDirectories: true)
        let mount = try Child("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", workspace("disk")])
        #expect(try mount.end() == .exited(0))
        defer { _ = try? Child("umount", ["-l", workspace("disk")]).end() }
        try FileManager.default.copyItem(atPath: workspace("data"), toPath: workspace("disk/data"))
        _ = try Child("dd", ["if=/dev/zero", "of=\(workspace("disk/filler"))", "bs=4096"]).end()
        let begun = try Penstock.command(["run", "--data", workspace("disk/new")], in: workspace)
        #expect(begun.ending == .exited(1))
        #expect(begun.errors.contains("No space left on device") && begun.errors.contains(workspace("disk/new")))
        #expect(begun.errors.contains("make room") && !begun.errors.contains("writing goes on"), "\(begun.errors)")
        let penstock = try Penstock(workspace, pipelines: [], data: workspace("disk/data"))
        #expect(try Kcat.consume("app", from: penstock.address).count == 3000)
        try penstock.stop()
    }

    @Test("Foreign files in it are named and stay as they are")
    func foreignFiles() throws {
        let workspace = try collected()
        let strange = [
            "notes.txt", "backup/00000000000000000000.log", "app-0/README", "app-0/00000000000000000000.log.old",
            "app-0/mine.swap", "app-0/mine.deleted", "__cluster_metadata-0/00000000000000000000.log",
        ]
        for name in strange { try workspace.write("data/\(name)", "mine: \(name)\n") }
        for _ in 0..<2 {
            let penstock = try Penstock(workspace, pipelines: [])
            #expect(try Kcat.consume("app", from: penstock.address).count == 3000)
            try penstock.stop()
            for name in ["notes.txt", "backup"] {
                #expect(penstock.child.text(.errors).contains(workspace("data/\(name)")), "\(penstock.child.tail)")
            }
        }
        _ = try Penstock.command(["log", "repair", workspace("data")])
        for name in strange {
            #expect(try workspace.read("data/\(name)") == Array("mine: \(name)\n".utf8), "\(name)")
        }
    }

    @Test("A segment whose name disagrees with its content gets its name back, and is told")
    func misnamed() throws {
        let workspace = try collected()
        let (right, wrong) = ("data/app-0/00000000000000000000.log", "data/app-0/00000000000000000100.log")
        try workspace.rename(right, to: wrong)
        let penstock = try Penstock(workspace, pipelines: [])
        #expect(try Kcat.consume("app", from: penstock.address).count == 3000)
        try penstock.stop()
        let said = penstock.child.text(.errors)
        #expect(said.contains("\(workspace(wrong)) was renamed to \(workspace(right))"), "\(said)")
    }

    @Test("A stranger's segment is put aside, named with a way out, and the rest is served")
    func stranger() throws {
        let workspace = try collected()
        let wrong = "data/app-0/00000000000000000100.log"
        let content = try workspace.read("data/app-0/00000000000000000000.log")
        try FileManager.default.copyItem(
            atPath: workspace("data/app-0/00000000000000000000.log"), toPath: workspace(wrong))
        let penstock = try Penstock(workspace, pipelines: [])
        #expect(try Kcat.consume("app", from: penstock.address).count == 3000)
        try penstock.stop()
        let said = penstock.child.text(.errors)
        #expect(said.contains(workspace(wrong)) && said.contains("\(workspace(wrong)).misnamed"), "\(said)")
        #expect(said.contains("00000000000000000000.log in the partition that it belongs to"), "\(said)")
        #expect(try workspace.read("\(wrong).misnamed") == content)
    }

    @Test("An index that is longer than its log misleads nobody; verify names it, and repair makes it again")
    func longIndex() throws {
        let workspace = try collected()
        let path = "data/app-0/00000000000000000000.index"
        var generator = Seeded(seed: 6)
        let size = try workspace.read("data/app-0/00000000000000000000.log").count
        let noise = (0..<(size / 8 + 1) * 8).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        try workspace.append(path, noise)
        let found = try Penstock.command(["log", "verify", workspace("data")])
        #expect(found.ending == .exited(1) && found.output.contains(workspace(path)), "\(found.output.prefix(500))")
        let penstock = try Penstock(workspace, pipelines: [])
        #expect(try Kcat.consume("app", from: penstock.address).count == 3000)
        for offset in [1, 1500, 2999] {
            let some = try Kcat.consume("app", from: penstock.address, partition: 0, options: ["-o", "\(offset)"])
            #expect(some.first?.offset == Int64(offset))
        }
        try penstock.stop()
        _ = try Penstock.command(["log", "repair", workspace("data")])
        #expect(try Penstock.command(["log", "verify", workspace("data")]).ending == .exited(0))
    }
}
