import Foundation
import Testing

/// Files of a data directory that Penstock may not read. Root may read everything: then Penstock runs as nobody.
@Suite("A file that may not be read", .timeLimit(.minutes(20)))
struct UnreadableFileTests {
    private static let nobody: uid_t = 65_534
    /// What runs a program as nobody; nil where there is no need, or no way.
    private static let changer = ["/usr/bin/setpriv", "/bin/setpriv"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }
    static let canBeRefused = !Surroundings.isRoot || changer != nil

    private let workspace: Workspace

    /// A stopped data directory with ten records in each of the topics `app` and `other`.
    init() throws {
        workspace = try Workspace()
        try FileManager.default.copyItem(atPath: Surroundings.penstock, toPath: workspace("penstock"))
        let penstock = try Penstock(workspace, pipelines: [])
        try penstock.stop()
        for topic in ["app", "other"] {
            let create = ["topics", "create", topic, "--partitions", "1", "--data", penstock.data]
            #expect(try Penstock.command(create).ending == .exited(0))
            let lines = Array((0..<10).map { "\(topic) \($0)\n" }.joined().utf8)
            let result = try Penstock.command(["produce", topic, "--data", penstock.data], input: .bytes(lines))
            #expect(result.ending == .exited(0), "\(result.errors)")
        }
        guard Surroundings.isRoot else { return }
        let names = FileManager.default.enumerator(atPath: workspace.path)?.compactMap { $0 as? String } ?? []
        for path in [workspace.path] + names.map({ workspace($0) }) { chown(path, Self.nobody, Self.nobody) }
    }

    private func run(_ arguments: [String]) throws -> (ending: Child.Ending, output: String, errors: String) {
        let id = "\(Self.nobody)"
        let user =
            Surroundings.isRoot
            ? [Self.changer ?? "setpriv", "--reuid", id, "--regid", id, "--clear-groups"] : []
        let command = user + [workspace("penstock")] + arguments
        let child = try Child(command[0], Array(command.dropFirst()), directory: workspace.path)
        let ending = try child.end(within: .seconds(120))
        return (ending, child.text(.output), child.text(.errors))
    }

    private func consume(_ topic: String) throws -> (ending: Child.Ending, output: String, errors: String) {
        try run(["consume", topic, "--data", workspace("data")])
    }

    private func lines(_ topic: String) -> String { (0..<10).map { "\(topic) \($0)\n" }.joined() }

    @Test(
        "A log costs its partition, for as long as it may not be read, and no other",
        .enabled(if: canBeRefused, "root may read everything, and setpriv is not there"))
    func log() throws {
        let path = workspace("data/app-0/00000000000000000000.log")
        let bytes = try workspace.read("data/app-0/00000000000000000000.log")
        chmod(path, 0)
        for _ in 0..<2 {
            let refused = try consume("app")
            #expect(refused.ending == .exited(1) && refused.output.isEmpty)
            #expect(refused.errors.contains("app-0"), "\(refused.errors)")
            let other = try consume("other")
            #expect(other.ending == .exited(0) && other.output == lines("other"), "\(other.errors)")
        }
        let verified = try run(["log", "verify", workspace("data")])
        #expect(verified.ending == .exited(1), "\(verified.errors)")
        #expect(verified.output.contains("cannot open \(path): Permission denied"), "\(verified.output)")
        let repaired = try run(["log", "repair", workspace("data")])
        #expect(repaired.ending == .exited(1))
        #expect(repaired.errors.contains("cannot open \(path): Permission denied"), "\(repaired.errors)")
        chmod(path, 0o600)
        #expect(try workspace.read("data/app-0/00000000000000000000.log") == bytes)
        let back = try consume("app")
        #expect(back.ending == .exited(0) && back.output == lines("app"), "\(back.errors)")
        #expect(try run(["log", "verify", workspace("data")]).ending == .exited(0))
    }

    @Test(
        "What the whole directory hangs on keeps it shut, with the path and the reason, and nothing is changed",
        .enabled(if: canBeRefused, "root may read everything, and setpriv is not there"),
        arguments: ["meta.properties", ".lock", "__penstock_topics-0/00000000000000000000.log"])
    func shut(name: String) throws {
        let path = workspace("data/\(name)")
        let bytes = try workspace.read("data/\(name)")
        chmod(path, 0)
        for arguments in [["topics", "list"], ["consume", "app"], ["run"]] {
            let result = try run(arguments + ["--data", workspace("data")])
            #expect(result.ending == .exited(1), "\(arguments)")
            #expect(result.errors.contains(path) && result.errors.contains("Permission denied"), "\(result.errors)")
        }
        chmod(path, 0o600)
        #expect(try workspace.read("data/\(name)") == bytes)
        #expect(try consume("app").output == lines("app"))
    }
}
