import Foundation
import Testing

@Suite("A full disk", .timeLimit(.minutes(20)))
struct FullDiskTests {
    /// A small file system of one test's own.
    private final class SmallDisk {
        let path: String

        init?(_ workspace: Workspace, megabytes: Int) throws {
            path = workspace("disk")
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            let mount = try Child("mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path])
            guard try mount.end() == .exited(0) else { return nil }
        }

        func grow(to megabytes: Int) throws {
            let mount = try Child("mount", ["-o", "remount,size=\(megabytes)m", path])
            #expect(try mount.end() == .exited(0), "\(mount.tail)")
        }

        deinit { _ = try? Child("umount", ["-l", path]).end() }
    }

    /// Whether a small file system can be mounted here.
    static let mountable: Bool = {
        guard Surroundings.isRoot, let workspace = try? Workspace() else { return false }
        return ((try? SmallDisk(workspace, megabytes: 1)) ?? nil) != nil
    }()

    @Test(
        "A full disk pauses collecting and says so; with space again it goes on, and every line is there once",
        .enabled(if: mountable, "a small file system can only be mounted as root"))
    func pauseAndResume() throws {
        let workspace = try Workspace()
        let disk = try #require(try SmallDisk(workspace, megabytes: 24))
        let lines = Lines(count: 400_000)
        try workspace.write("app.log", lines.content)
        let file = try workspace.write(
            "app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", more: ", codec: none"))
        let penstock = try Penstock(workspace, pipelines: [file], data: "\(disk.path)/data")
        try penstock.child.line(on: .errors, "that the disk is full") {
            $0.contains("No space left on device") || $0.contains("disk is full")
        }
        let served = try Kcat.consume("app", from: penstock.address)
        #expect(!served.isEmpty, "what was collected is still served")
        try disk.grow(to: 512)
        let wait = try Child(
            "kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-c", "\(lines.all.count)", "-q"],
            outputFile: "/dev/null")
        #expect(try wait.end() == .exited(0), "\(wait.tail)")
        expectExactly(lines.all, in: try Kcat.consume("app", from: penstock.address))
        try penstock.stop()
    }
}
