import Foundation
import Testing

@Suite("The documents", .timeLimit(.minutes(20)))
struct DocumentTests {
    private static func document(_ name: String) throws -> String {
        try String(contentsOfFile: "\(Surroundings.checkout)/\(name)", encoding: .utf8)
    }

    /// The fenced blocks of a document in one language.
    private static func blocks(_ language: String, of document: String) -> [String] {
        document.components(separatedBy: "```\(language)\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    @Test("docs/reference.md is what the binary prints (`make reference` writes it anew)")
    func reference() throws {
        let printed = try Penstock.command(["reference"])
        #expect(printed.ending == .exited(0), "\(printed.errors)")
        let page = try Self.document("docs/reference.md")
        let same = page.hasSuffix(printed.output)
        #expect(same, "docs/reference.md differs from what the binary prints")
    }

    @Test("Every make target that a document names exists")
    func makeTargets() throws {
        let makefile = try Self.document("Makefile")
        for name in ["README.md", "CONTRIBUTING.md"] {
            let text = try Self.document(name)
            for match in text.matches(of: /make ([a-z][a-z-]+)/) where text[..<match.range.lowerBound].last == "`" {
                #expect(makefile.contains("\n\(match.1):"), "\(name) says make \(match.1)")
            }
        }
    }

    @Test("Every command of the README does what it says, in the order of the page")
    func readme() throws {
        let readme = try Self.document("README.md")
        let workspace = try Workspace()
        try workspace.write("access.log", Lines(count: 200).content)
        let pipeline = try #require(Self.blocks("yaml", of: readme).first)
        try workspace.write("web.yaml", pipeline.replacing("/var/log/nginx", with: workspace.path))
        let port = try Penstock.freePort()
        let address = "127.0.0.1:\(port)"
        var server: Child?
        let commands = Self.blocks("sh", of: readme).joined(separator: "\n").split(separator: "\n").map {
            $0.split(separator: " #")[0].trimmingCharacters(in: .whitespaces)
        }
        #expect(commands.count >= 8, "commands in the README")
        for command in commands where !command.isEmpty {
            if command.hasPrefix("make ") { continue }  // these run the tests that this one is part of
            if command.hasPrefix("penstock run") {
                let child = try shell("exec \(command) --listen \(address)", in: workspace)
                try child.line(on: .errors, "the line that says where it serves") { $0.contains(address) }
                server = child
                let wait = try Child("kcat", ["-C", "-b", address, "-t", "web", "-o", "beginning", "-c", "200", "-q"])
                #expect(try wait.end() == .exited(0), "\(wait.tail)")
                continue
            }
            var line = command.replacing("127.0.0.1:9092", with: address)
            if ["topics", "groups", "consume", "produce"].contains(where: { command.contains("penstock \($0)") }) {
                line += " --bootstrap \(address)"
            }
            let child = try shell(line, in: workspace)
            #expect(try child.end() == .exited(0), "\(command): \(child.tail)")
        }
        let running = try #require(server)
        running.signal(SIGINT)
        #expect(try running.end() == .exited(0), "\(running.tail)")
    }

    /// A line of the README, with the binary under test in PATH.
    private func shell(_ line: String, in workspace: Workspace) throws -> Child {
        let folder = URL(filePath: Surroundings.penstock).deletingLastPathComponent().path(percentEncoded: false)
        return try Child(
            "bash", ["-c", line], environment: ["PATH": "\(folder):\(Surroundings.environment["PATH"] ?? "")"],
            directory: workspace.path)
    }
}
